// What LoRA claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';
import { drifted, probeLayer } from '../shared/layer-probe.ts';
import { valuesDifference } from '../shared/matrices.ts';

const probe = { kind: 'lora', rank: 4, alpha: 8, dropout: 0 } as const;

export const loraClaims: Claims = (method) => [
  {
    statement: 'a fresh adapter changes nothing (B = 0)',
    check: async () => {
      const { change } = await probeLayer(probe);
      return { found: `largest change ${change}`, holds: change === 0 };
    },
  },
  {
    statement: 'a task begins with the adapter and the projector that the one before left in its files',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const moved = stages.map(({ initial, trained }) => valuesDifference(initial, trained));
      const off = stages
        .slice(1)
        .map(({ initial }, i) => valuesDifference(initial, stages[i]?.state.trained ?? new Map()));
      return {
        found: `differences ${off.join(' and ')}; each moved by ${moved.map((way) => way.toPrecision(2)).join(', ')}`,
        holds: off.length > 0 && off.every((one) => one === 0) && moved.every((way) => way > 0),
      };
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
];
