// What HiDe claims of its mechanism, and how it is found out.
import type { HostTensor } from '../../tensor/dtype.ts';
import type { Claims, ExperimentStage } from '../claim.ts';
import { expertTasks, factorsOf } from '../shared/experts.ts';
import { innerProduct, largestAbsolute, largestDifference, product } from '../shared/matrices.ts';
import { routingClaim } from '../shared/routing-claim.ts';

export const hideClaims: Claims = (method) => [
  routingClaim(method),
  {
    statement: 'the fused layers add Σ B·A, without products across tasks',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method);
      const { tensors } = last.state.memory;
      const [layer = ''] = factorsOf(tensors, last.task).keys();
      const wanted = expertTasks(last.state.memory)
        .map((task) => factorsOf(tensors, task).get(layer))
        .map((pair) => product(pair?.b as HostTensor, pair?.a as HostTensor, 2))
        .reduce((sum, update) => sum.map((value, i) => value + (update[i] as number)));
      const found = mergedUpdate(last, layer);
      const { last: crossed } = await laboratory.run(method, { own: { fusion: 'code' } });
      const off = largestDifference(found, wanted);
      const across = largestDifference(mergedUpdate(crossed, layer), wanted);
      return {
        found: `off by ${off.toPrecision(2)} of ${largestAbsolute(wanted).toPrecision(2)}; released code by ${across.toPrecision(2)}`,
        holds: off < 1e-5 && across > 1e-3,
      };
    },
  },
  {
    statement: 'the fused update is scaled by its weight, and a mean divides it by the tasks',
    check: async (laboratory) => {
      const { last, tasks } = await laboratory.run(method);
      const [layer = ''] = factorsOf(last.state.memory.tensors, last.task).keys();
      const whole = mergedUpdate(last, layer);
      const ratioOf = async (own: Readonly<Record<string, unknown>>) => {
        const { last: other } = await laboratory.run(method, { own });
        const update = mergedUpdate(other, layer);
        return innerProduct(update, whole) / innerProduct(whole, whole);
      };
      const [quarter, mean] = [await ratioOf({ mergeWeight: 0.25 }), await ratioOf({ fusion: 'mean' })];
      return {
        found: `${quarter.toPrecision(5)} of the whole at 0.25, ${mean.toPrecision(5)} as a mean of ${tasks.length}`,
        holds: Math.abs(quarter - 0.25) < 1e-5 && Math.abs(mean - 1 / tasks.length) < 1e-5,
      };
    },
  },
  {
    statement: 'the weights of the last layer sum to one',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method);
      const routes = await last.route(last.questions(last.task));
      // The toy's experts have rank 4: each weight stands four times.
      const sums = routes.map(({ rows }) => [...(rows?.mixture ?? [])].reduce((a, b) => a + b, 0) / 4);
      const off = Math.max(...sums.map((sum) => Math.abs(sum - 1)));
      return { found: `off by at most ${off.toPrecision(2)}`, holds: sums.length > 0 && off < 1e-5 };
    },
  },
];

function mergedUpdate({ inference }: ExperimentStage, layer: string): Float64Array {
  const [b, a] = ['kept_B', 'kept_A'].map((part) => inference.parameters.get(`${layer}.${part}`));
  return product(b as HostTensor, a as HostTensor);
}
