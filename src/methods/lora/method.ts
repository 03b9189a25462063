// Sequential LoRA: one adapter and the projector go on training from task to task. The lower bound of CoIN.
import { z } from 'zod';
import { defineMethod, type Method } from '../define.ts';
import { carriedAdapter, loraSpec } from '../shared/carried.ts';
import { loraClaims } from './claims.ts';

export const lora: Method = defineMethod({
  name: 'lora',
  label: 'LoRA',
  summary: 'one low-rank adapter, trained on one task after another',
  origin: {
    source: 'Hu et al., LoRA, ICLR 2022, tuned task after task as in CoIN (Chen et al., NeurIPS 2024)',
    deviations: [],
  },
  settings: z.strictObject({}),
  open: ({ adapter }) => carriedAdapter(loraSpec(adapter)),
  claims: loraClaims,
});
