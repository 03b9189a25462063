// Sequential LoRA: one adapter and the projector go on training from task to task. The lower bound of CoIN.
import { z } from 'zod';
import { defineMethod, type Method } from '../method.ts';
import { carriedAdapter, loraSpec } from '../shared/carried.ts';
import { drifted, probeLayer } from '../shared/layer-probe.ts';

const probe = loraSpec({ rank: 4, alpha: 8, dropout: 0, experts: 1 });

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
  claims: () => [
    {
      statement: 'a fresh adapter changes nothing (B = 0)',
      check: async () => {
        const { change } = await probeLayer(probe);
        return { found: `largest change ${change}`, holds: change === 0 };
      },
    },
    {
      statement: 'B has gradient from the first step, A once B has moved',
      check: async () => {
        const fresh = (await probeLayer(probe)).gradients;
        const later = (await probeLayer(probe, drifted)).gradients;
        const found = `B ${fresh.lora_B?.toPrecision(3)}, then A ${later.lora_A?.toPrecision(3)}`;
        return { found, holds: (fresh.lora_B ?? 0) > 0 && fresh.lora_A === 0 && (later.lora_A ?? 0) > 0 };
      },
    },
  ],
});
