// O-LoRA (Wang et al., EMNLP 2023): a new pair (A_t, B_t) per task beside frozen old ones, which are summed; the new A is
// pushed to be orthogonal to the old ones:
//   CE + λ₁·mean_modules( mean_entries |A_t·A_jᵀ| ) + λ₂·Σ‖·‖₂ of the new pair.
// paper: sums over entries and modules, so that λ₁ depends on width and rank / here: means; `normalise: false` sums.
import { z } from 'zod';
import type { Adapter } from '../../adapters/index.ts';
import { float32, type HostTensor } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, input, matmul, mul, sqrt, square, sum } from '../../tensor/ops.ts';
import type { ExperimentStage } from '../claim.ts';
import { defineMethod, type Method, type TracedLoss } from '../method.ts';
import { noMemory } from '../shared/carried.ts';
import { expertTasks, factorsOf, type KeptExperts } from '../shared/experts.ts';
import { keptMethod } from '../shared/kept.ts';
import { innerProduct, largestDifference } from '../shared/matrices.ts';
import { absolute, total } from '../shared/terms.ts';

const settings = z.strictObject({
  lambda1: z.number().min(0).default(50).describe('weight of the orthogonality'),
  lambda2: z.number().min(0).default(0).describe('weight of the norms of the new factors'),
  normalise: z
    .boolean()
    .default(true)
    .describe('means over entries and modules; false sums them, as the paper does'),
});
type Settings = z.output<typeof settings>;

export const olora: Method = defineMethod({
  name: 'olora',
  label: 'O-LoRA',
  summary: 'a new adapter per task, kept orthogonal to the frozen ones before it',
  costs: { keeps: 'an adapter per task', answering: 'the adapters of all tasks' },
  origin: {
    source: 'Wang et al., O-LoRA, EMNLP 2023',
    deviations: [
      'the penalty is a mean over entries and modules, not their sum, so its weight (50) is not the paper’s (0.5)',
    ],
    variants: ['normalise: false: the paper’s sum'],
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
  claims: () => [
    {
      statement: 'at a large λ₁ the new subspaces end orthogonal to the old ones; without it they do not',
      check: async (laboratory) => {
        const options = { epochs: 30, learningRate: 0.01 };
        const { last } = await laboratory.run(olora, { ...options, own: { lambda1: 2000 } });
        const { last: free } = await laboratory.run(olora, { ...options, own: { lambda1: 1e-9 } });
        const [tied, loose] = [overlap(last), overlap(free)];
        return {
          found: `mean |cosine| ${tied.toPrecision(2)}, without ${loose.toPrecision(2)}`,
          holds: tied < 0.03 && loose > 3 * tied,
        };
      },
    },
    {
      statement: 'the penalty is nothing in the first task and above zero in the second',
      check: async (laboratory) => {
        const { stages } = await laboratory.run(olora);
        const extras = await Promise.all(
          stages.map(async (stage) => (await stage.losses(stage.examples, stage.initial)).extra),
        );
        return {
          found: extras.map((value) => value.toPrecision(3)).join(', then '),
          holds: extras[0] === 0 && (extras[1] as number) > 0,
        };
      },
    },
    {
      statement: 'answers come from the sum of all pairs: training and inference graphs agree',
      check: async (laboratory) => {
        const { last } = await laboratory.run(olora);
        const batch = last.examples.slice(0, 6);
        const trained = await last.trainingLogits(batch, last.trained);
        const off = largestDifference(trained, await last.inferenceLogits(batch));
        return { found: `logits differ by at most ${off.toPrecision(2)}`, holds: off < 1e-4 };
      },
    },
  ],
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

/** The mean |cosine| between rows of the last A and rows of those before. */
function overlap({ state, task }: ExperimentStage): number {
  const { tensors } = state.memory;
  const cosines: number[] = [];
  for (const earlier of expertTasks(state.memory).filter((name) => name !== task)) {
    for (const [layer, { a }] of factorsOf(tensors, earlier)) {
      const other = factorsOf(tensors, task).get(layer)?.a as HostTensor;
      for (const u of rowsOf(a)) {
        for (const v of rowsOf(other)) {
          cosines.push(Math.abs(innerProduct(u, v)) / Math.sqrt(innerProduct(u, u) * innerProduct(v, v)));
        }
      }
    }
  }
  return cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
}

function rowsOf({ data, shape }: HostTensor): Float32Array[] {
  const size = shape[1] as number;
  return Array.from({ length: shape[0] as number }, (_, row) =>
    (data as Float32Array).subarray(row * size, (row + 1) * size),
  );
}
