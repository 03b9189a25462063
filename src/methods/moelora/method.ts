// CoIN's MoELoRA: the rank shared among experts that a dense router mixes per token (reference.md, MoELoRA).
import { z } from 'zod';
import { MoeLoraAdapter } from '../../adapters/index.ts';
import { defineMethod, type Method } from '../define.ts';
import type { AdapterSettings } from '../method.ts';
import { carriedAdapter, mixtureGraph } from '../shared/carried.ts';
import { expertProblems } from '../shared/problems.ts';
import { moeloraClaims } from './claims.ts';

const spec = ({ rank, alpha, dropout, experts }: AdapterSettings) =>
  ({ kind: 'moelora', rank, alpha, dropout, experts }) as const;
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
    graph: ({ model, dropoutKey }) =>
      mixtureGraph(new MoeLoraAdapter(spec(adapter), model.adaptable, dropoutKey)),
  }),
  claims: moeloraClaims,
});
