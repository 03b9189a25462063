// Joint training, the upper bound: the samples of all tasks shuffled together, one adapter, as many steps as the tasks
// one after another have. The paper calls it multi-task.
import { z } from 'zod';
import { defineMethod, type Method } from '../define.ts';
import { carriedAdapter, loraSpec } from '../shared/carried.ts';
import { jointClaims } from './claims.ts';

export const joint: Method = defineMethod({
  name: 'joint',
  label: 'Joint',
  summary: 'one adapter trained on all tasks at once; nothing can be forgotten',
  stream: 'joint',
  origin: { source: 'the multi-task row of CoIN (Chen et al., NeurIPS 2024)', deviations: [] },
  settings: z.strictObject({}),
  open: ({ adapter }) => carriedAdapter(loraSpec(adapter)),
  claims: jointClaims,
});
