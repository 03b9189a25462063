// What O-LoRA claims of its mechanism, and how it is found out.
import type { HostTensor } from '../../tensor/dtype.ts';
import type { Claims, ExperimentStage } from '../claim.ts';
import { expertTasks, factorsOf } from '../shared/experts.ts';
import { innerProduct, largestDifference } from '../shared/matrices.ts';

export const oloraClaims: Claims = (method) => [
  {
    statement: 'at a large λ₁ the new subspaces end orthogonal to the old ones; without it they do not',
    check: async (laboratory) => {
      const options = { epochs: 30, learningRate: 0.01 };
      const { last } = await laboratory.run(method, { ...options, own: { lambda1: 4 } });
      const { last: free } = await laboratory.run(method, { ...options, own: { lambda1: 1e-9 } });
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
      const { stages } = await laboratory.run(method);
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
    statement:
      'the penalty is λ₁ times the sum of |A·A_jᵀ| over modules, entries and all earlier tasks, by hand',
    check: async (laboratory) => {
      const lambda1 = 0.3;
      const { last, stages } = await laboratory.run(method, { own: { lambda1 } });
      let byHand = 0;
      for (const { trained } of stages.slice(0, -1)) {
        for (const [name, old] of trained) {
          const fresh = last.trained.get(name);
          if (!name.endsWith('.lora_A.weight') || fresh === undefined) continue;
          for (const u of rowsOf(fresh)) {
            for (const v of rowsOf(old)) byHand += lambda1 * Math.abs(innerProduct(u, v));
          }
        }
      }
      const { extra } = await last.losses(last.examples, last.trained);
      return {
        found: `${extra.toPrecision(5)}, by hand ${byHand.toPrecision(5)}`,
        holds: byHand > 0 && Math.abs(extra / byHand - 1) < 1e-4,
      };
    },
  },
  {
    statement: 'answers come from the sum of all pairs: training and inference graphs agree',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method);
      const batch = last.examples.slice(0, 6);
      const trained = await last.trainingLogits(batch, last.trained);
      const off = largestDifference(trained, await last.inferenceLogits(batch));
      return { found: `logits differ by at most ${off.toPrecision(2)}`, holds: off < 1e-4 };
    },
  },
];

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
