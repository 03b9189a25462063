// O-LoRA (Wang et al., EMNLP 2023): a new pair (A_t, B_t) per task beside frozen old ones, which are summed; the new A is
// pushed to be orthogonal to the old ones:
//   CE + λ₁·Σ_modules Σ_j Σ_entries |A_t·A_jᵀ| + λ₂·Σ‖·‖₂ of the new pair.
// The sum grows with modules, rank and old tasks; `normalise: true` takes means, whose λ₁ must be larger by as much.
import { z } from 'zod';
import type { Adapter } from '../../adapters/index.ts';
import { float32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, input, matmul, mul, sqrt, square, sum } from '../../tensor/ops.ts';
import { defineMethod, type Method } from '../define.ts';
import type { TracedLoss } from '../method.ts';
import { noMemory } from '../shared/carried.ts';
import { expertTasks, type KeptExperts } from '../shared/experts.ts';
import { keptMethod } from '../shared/kept.ts';
import { absolute, total } from '../shared/terms.ts';
import { oloraClaims } from './claims.ts';

const settings = z.strictObject({
  lambda1: z.number().min(0).default(0.5).describe('weight of the orthogonality'),
  lambda2: z.number().min(0).default(0).describe('weight of the norms of the new factors'),
  normalise: z
    .boolean()
    .default(false)
    .describe('means over entries, modules and old tasks; by default their sum, as in the paper'),
});

type Settings = z.output<typeof settings>;

export const olora: Method = defineMethod({
  name: 'olora',
  label: 'O-LoRA',
  summary: 'a new adapter per task, kept orthogonal to the frozen ones before it',
  costs: { keeps: 'an adapter per task', answering: 'the adapters of all tasks' },
  origin: {
    source: 'Wang et al., O-LoRA, EMNLP 2023',
    deviations: [],
    variants: ['normalise: true: means over entries, modules and old tasks, in place of the paper’s sum'],
  },
  settings,
  problems: ({ own }) =>
    own.lambda1 > 0
      ? []
      : [
          {
            path: ['methodSettings', 'olora', 'lambda1'],
            message: 'expected a weight above 0, found 0',
            hint: 'without it nothing keeps the adapters orthogonal; put merge-then-new into methods instead',
          },
        ],
  open: ({ adapter, own }) => {
    const kept = keptMethod({
      adapter,
      onTop: true,
      trainsProjector: true,
      extraLoss: (fresh, before, traced) => penalty(fresh, before, traced, own),
    });
    return {
      ...kept,
      beginTask: async (context) => {
        const plan = await kept.beginTask(context);
        const before = expertTasks(context.previous?.memory ?? noMemory).length;
        const modules = [...plan.initial.keys()].filter((name) => name.endsWith('.lora_A.weight')).length;
        const entries = own.normalise ? modules * adapter.rank * adapter.rank * Math.max(1, before) : 1;
        const weight = before === 0 ? 0 : own.lambda1 / entries;
        return {
          ...plan,
          feeds: new Map([...(plan.feeds ?? []), ['olora.weight', float32([weight], [1, 1])]]),
          measured: { oloraWeightPerEntry: weight },
        };
      },
    };
  },
  claims: oloraClaims,
});

function penalty(
  own: Adapter,
  kept: KeptExperts | undefined,
  { share }: TracedLoss,
  { lambda2 }: Settings,
): Tensor {
  const overlaps: Tensor[] = [];
  const norms: Tensor[] = [];
  for (const { name, tensor } of own.parameters.values()) {
    // A norm at zero has no gradient; the root is kept off it.
    norms.push(sqrt(add(sum(square(tensor)), 1e-12)));
    if (!name.endsWith('.lora_A.weight') || kept === undefined) continue;
    const outputs = own.parameters.get(name.replace('lora_A', 'lora_B'))?.shape[0] as number;
    const layer = name.slice(0, -'.lora_A.weight'.length);
    const { a } = kept.factors(layer, tensor.staticDim(1), outputs);
    overlaps.push(sum(absolute(matmul(tensor, a, { transposeB: true })))); // [rank, kept]
  }
  const orthogonality = mul(total(overlaps), input('olora.weight', 'float32', [1, 1]));
  const added = lambda2 === 0 ? orthogonality : add(orthogonality, mul(total(norms), lambda2));
  return mul(added, share);
}
