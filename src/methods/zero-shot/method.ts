// Zero-shot: the model as it came, trained on nothing. What the methods are measured against.
import { z } from 'zod';
import { defineMethod, type Method } from '../define.ts';
import { zeroShotClaims } from './claims.ts';
import { untouched } from './graph.ts';

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
  claims: zeroShotClaims,
});
