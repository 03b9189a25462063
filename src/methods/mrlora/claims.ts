// What MR-LoRA claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';
import { factorsOf } from '../shared/experts.ts';
import { largestAbsolute, largestDifference } from '../shared/matrices.ts';
import { routingClaim } from '../shared/routing-claim.ts';

const ROUTER = ' router';

export const mrloraClaims: Claims = (method) => {
  const experiment = { own: { samplesPerTask: 12, routerEpochs: 30 } };
  return [
    routingClaim(method, experiment),
    {
      statement: 'the router has an adapter of its own, trained once there are two tasks',
      check: async (laboratory) => {
        const { stages } = await laboratory.run(method, experiment);
        const sizes = stages.map(({ state }) =>
          Math.max(
            0,
            ...[...factorsOf(state.memory.tensors, ROUTER).values()].map(({ b }) => largestAbsolute(b.data)),
          ),
        );
        return {
          found: `largest |B| ${sizes.map((size) => size.toPrecision(2)).join(', then ')}`,
          holds: sizes[0] === 0 && (sizes[1] as number) > 0,
        };
      },
    },
    {
      statement: 'training the router leaves every expert as it was',
      check: async (laboratory) => {
        const { last } = await laboratory.run(method, experiment);
        const factors = factorsOf(last.state.memory.tensors, last.task);
        const off = Math.max(
          ...[...factors].map(([layer, { b }]) =>
            largestDifference(b.data, last.trained.get(`${layer}.lora_B.weight`)?.data ?? []),
          ),
        );
        return {
          found: `differences ${off} in ${factors.size} layers`,
          holds: factors.size > 0 && off === 0,
        };
      },
    },
  ];
};
