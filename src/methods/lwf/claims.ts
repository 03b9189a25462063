// What LwF claims of its mechanism, and how it is found out.
import type { Claims, ExperimentStage } from '../claim.ts';
import { largestDifference } from '../shared/matrices.ts';

export const lwfClaims: Claims = (method) => [
  {
    statement: 'the teacher is the model that the stage before left',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first, second] = stages as [ExperimentStage, ExperimentStage];
      const batch = second.examples.slice(0, 6);
      const before = await first.inferenceLogits(batch);
      const start = await second.trainingLogits(batch, second.initial);
      const off = largestDifference(before, start);
      return { found: `logits differ by at most ${off.toPrecision(2)}`, holds: off < 1e-4 };
    },
  },
  {
    statement: 'the divergence is zero when a task begins and above zero once it has trained',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method);
      const start = (await last.losses(last.examples, last.initial)).extra;
      const end = (await last.losses(last.examples, last.trained)).extra;
      return {
        found: `${start.toExponential(1)}, then ${end.toPrecision(3)}`,
        holds: Math.abs(start) < 1e-5 && end > 1e-4,
      };
    },
  },
  {
    statement: 'there is no teacher in the first task',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method);
      const [first] = stages;
      const extra = (await first?.losses(first.examples, first.trained))?.extra;
      return { found: `divergence ${extra}`, holds: extra === 0 };
    },
  },
  {
    statement: 'a larger β keeps the answers nearer to those before',
    check: async (laboratory) => {
      const divergence = async (beta: number) => {
        const { last } = await laboratory.run(method, { own: { beta } });
        return (await last.losses(last.examples, last.trained)).extra / beta;
      };
      const [near, far] = [await divergence(20), await divergence(1e-6)];
      return {
        found: `divergence ${near.toPrecision(3)}, nearly without β ${far.toPrecision(3)}`,
        holds: near < far / 2,
      };
    },
  },
];
