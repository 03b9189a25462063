// CoIN's MoELoRA: the rank shared among experts that a dense router mixes per token (reference.md, MoELoRA).
import { z } from 'zod';
import { MoeLoraAdapter } from '../../adapters/index.ts';
import { type AdapterSettings, defineMethod, type Method } from '../method.ts';
import { carriedAdapter, mixtureGraph } from '../shared/carried.ts';
import { drifted, probeLayer } from '../shared/layer-probe.ts';
import { expertProblems } from '../shared/problems.ts';

const spec = ({ rank, alpha, dropout, experts }: AdapterSettings) =>
  ({ kind: 'moelora', rank, alpha, dropout, experts }) as const;
const probe = spec({ rank: 8, alpha: 16, dropout: 0, experts: 4 });

export const moelora: Method = defineMethod({
  name: 'moelora',
  label: 'MoELoRA',
  summary: 'a mixture of low-rank experts, mixed per token by a router',
  mixture: true,
  origin: { source: 'CoIN, Chen et al., NeurIPS 2024', deviations: [] },
  settings: z.strictObject({
    merge: z.boolean().default(false).describe('into the base weights; asking for it says why it cannot be'),
  }),
  problems: ({ adapter, own }) => [
    ...expertProblems('MoELoRA', adapter),
    ...(own.merge
      ? [
          {
            path: ['methodSettings', 'moelora', 'merge'],
            message:
              'MoELoRA cannot be merged: its gates depend on the input, so no one weight does what it does',
            hint: 'leave merge out, or use merge-then-new, whose adapters are plain LoRA',
          },
        ]
      : []),
  ],
  open: ({ adapter }) => ({
    ...carriedAdapter(spec(adapter)),
    mixedExperts: adapter.experts,
    graph: ({ dropoutKey }) => mixtureGraph(new MoeLoraAdapter(spec(adapter), dropoutKey)),
  }),
  claims: () => [
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
        const plain = (await probeLayer({ kind: 'lora', rank: 8, alpha: 16 / 4, dropout: 0 }, drifted))
          .change;
        const ratio = mixture / plain;
        return {
          found: `ratio of the largest changes ${ratio.toPrecision(6)}`,
          holds: Math.abs(ratio - 1) < 1e-5,
        };
      },
    },
  ],
});
