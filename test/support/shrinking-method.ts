// A method that exists only here: LoRA whose factors are cut to a bound after every step, with a note of each task.
import { z } from 'zod';
import { defineMethod, type Method } from '../../src/methods/define.ts';
import { carriedAdapter, loraSpec } from '../../src/methods/shared/carried.ts';
import { float32 } from '../../src/tensor/dtype.ts';

export const method: Method = defineMethod({
  name: 'shrinking',
  label: 'Shrinking',
  summary: 'factors stay within a bound',
  origin: { source: 'a test', deviations: [] },
  settings: z.strictObject({ bound: z.number().gt(0).default(0.1).describe('of every entry') }),
  problems: ({ adapter }) =>
    adapter.rank % 2 === 0
      ? []
      : [
          {
            path: ['adapter', 'rank'],
            message: 'Shrinking shrinks even ranks only',
            hint: 'use an even rank',
          },
        ],
  open: ({ adapter, own: { bound } }) => {
    const carried = carriedAdapter(loraSpec(adapter));
    return {
      ...carried,
      beginTask: async (context) => ({
        ...(await carried.beginTask(context)),
        afterStep: (parameters) =>
          new Map(
            [...parameters]
              .filter(([name]) => name.includes('lora_'))
              .map(([name, { data, shape }]) => [
                name,
                float32(
                  (data as Float32Array).map((value) => Math.min(bound, Math.max(-bound, value))),
                  shape,
                ),
              ]),
          ),
        measured: { bound },
      }),
      finishTask: ({ previous, task }, trained) => {
        const finished = (previous?.memory.notes.finished as readonly string[] | undefined) ?? [];
        return { trained, memory: { tensors: new Map(), notes: { finished: [...finished, task] } } };
      },
    };
  },
  claims: () => [],
});
