// What DISCO claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';
import { largestDifference } from '../shared/matrices.ts';
import { routingClaim } from '../shared/routing-claim.ts';

export const discoClaims: Claims = (method) => [
  routingClaim(method),
  {
    statement: 'a near one-hot weight gives the answers of the task’s own expert',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method, { own: { temperature: 1e-4 } });
      const batch = last.examples.slice(0, 6);
      const off = largestDifference(
        await last.trainingLogits(batch, last.trained),
        await last.inferenceLogits(batch),
      );
      return { found: `logits differ by at most ${off.toPrecision(2)}`, holds: off < 1e-3 };
    },
  },
  {
    statement: 'the experts of all tasks weigh in at a high temperature',
    check: async (laboratory) => {
      const { last, tasks } = await laboratory.run(method, { own: { temperature: 1e4 } });
      const [route] = await last.route(last.questions(last.task));
      const weights = [...(route?.rows?.mixture ?? [])];
      const off = Math.max(...weights.map((weight) => Math.abs(weight - 1 / tasks.length)));
      return {
        found: `weights ${weights[0]?.toFixed(3)} and ${weights.at(-1)?.toFixed(3)}`,
        holds: off < 1e-3,
      };
    },
  },
];
