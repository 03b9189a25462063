// Zero-shot: the model as it came, trained on nothing. What the methods are measured against.
import { z } from 'zod';
import { input } from '../../tensor/ops.ts';
import { defineMethod, type Method, type MethodGraph } from '../method.ts';

const untouched = (): MethodGraph => ({
  parameters: new Map(),
  trainsProjector: false,
  adapt: (_, __, y) => y,
});

export const zeroShot: Method = defineMethod({
  name: 'zero-shot',
  label: 'Zero-shot',
  summary: 'the model before any training',
  costs: { fixedSize: 'it trains nothing', answering: 'nothing' },
  stream: 'untrained',
  origin: { source: 'the model as it came', deviations: [] },
  settings: z.strictObject({}),
  open: () => ({
    graph: untouched,
    beginTask: ({ tools }) => ({ initial: tools.fresh() }),
    finishTask: (_, trained) => ({ trained, memory: { tensors: new Map(), notes: {} } }),
    inference: ({ trained }) => ({ parameters: trained }),
  }),
  claims: () => [
    {
      statement: 'nothing trains',
      check: async () => {
        const { parameters, trainsProjector } = untouched();
        return {
          found: `${parameters.size} parameters, projector ${trainsProjector ? 'trained' : 'left alone'}`,
          holds: parameters.size === 0 && !trainsProjector,
        };
      },
    },
    {
      statement: 'the graph of an adapted layer is that of the plain one',
      check: async () => {
        const y = input('y', 'float32', [1, 4]);
        const adapted = untouched().adapt('model.language_model.layers.0.self_attn.q_proj', y, y);
        return { found: adapted === y ? 'the same tensor' : 'another tensor', holds: adapted === y };
      },
    },
  ],
});
