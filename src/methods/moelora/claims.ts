// What MoELoRA claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';
import { drifted, probeLayer } from '../shared/layer-probe.ts';

const probe = { kind: 'moelora', rank: 8, alpha: 16, dropout: 0, experts: 4 } as const;

export const moeloraClaims: Claims = () => [
  {
    statement: 'fresh experts change nothing (B = 0)',
    check: async () => {
      const { change } = await probeLayer(probe);
      return { found: `largest change ${change}`, holds: change === 0 };
    },
  },
  {
    statement: 'experts and router all have gradient once B has moved',
    check: async () => {
      const { gradients } = await probeLayer(probe, drifted);
      const parts = ['lora_A', 'lora_B', 'lora_router'].map((name) => gradients[name] ?? 0);
      return {
        found: `A, B, router: ${parts.map((value) => value.toPrecision(3)).join(', ')}`,
        holds: parts.every((value) => value > 0),
      };
    },
  },
  {
    statement: 'equal gates weigh every expert 1/N: the mixture is LoRA at a scale of α/(r·N)',
    check: async () => {
      const zeroRouter = (parameter: Parameters<typeof drifted>[0]) =>
        parameter.name.endsWith('lora_router.weight') ? new Float32Array(4 * 16) : drifted(parameter);
      const mixture = (await probeLayer(probe, zeroRouter)).change;
      const plain = (await probeLayer({ kind: 'lora', rank: 8, alpha: 16 / 4, dropout: 0 }, drifted)).change;
      const ratio = mixture / plain;
      return {
        found: `ratio of the largest changes ${ratio.toPrecision(6)}`,
        holds: Math.abs(ratio - 1) < 1e-5,
      };
    },
  },
];
