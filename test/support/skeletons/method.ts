// A method to begin one's own from: LoRA whose update is made smaller after every task. As in CONTRIBUTING.md.
import { z } from 'zod';
import { defineMethod, type Method } from '../../../src/methods/define.ts';
import { carriedAdapter, loraSpec, noMemory } from '../../../src/methods/shared/carried.ts';
import { float32 } from '../../../src/tensor/dtype.ts';

const settings = z.strictObject({
  keep: z.number().gt(0).max(1).default(0.5).describe('share of the update that goes on to the next task'),
});

export const decaying: Method = defineMethod({
  name: 'decaying',
  label: 'Decaying',
  summary: 'LoRA whose update is made smaller after every task',
  origin: { source: 'a skeleton', deviations: [] },
  settings,
  open: ({ adapter, own: { keep } }) => ({
    ...carriedAdapter(loraSpec(adapter)),
    // What trained is named `<layer>.lora_A.weight` [rank, inputs] and `<layer>.lora_B.weight` [outputs, rank], beside
    // the projector's weights. Scaling B alone scales the update, which is B·A.
    finishTask: (_, trained) => ({
      trained: new Map(
        [...trained].map(([name, value]) => [
          name,
          name.endsWith('.lora_B.weight')
            ? float32(
                (value.data as Float32Array).map((number) => keep * number),
                value.shape,
              )
            : value,
        ]),
      ),
      memory: noMemory,
    }),
  }),
  claims: () => [],
});
