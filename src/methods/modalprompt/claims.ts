// What ModalPrompt claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';
import { largestDifference } from '../shared/matrices.ts';
import { routingClaim } from '../shared/routing-claim.ts';

export const modalpromptClaims: Claims = (method) => [
  routingClaim(method, { epochs: 20 }),
  {
    statement: 'only prompt tokens and the prototype network train; the projector stays as it came',
    check: async (laboratory) => {
      const { last, stages } = await laboratory.run(method);
      const [moved, still] = [true, false].map((own) =>
        Math.max(
          ...[...last.trained]
            .filter(([name]) => name.startsWith('modal.') === own)
            .map(([name, { data }]) => largestDifference(data, stages.at(-1)?.initial.get(name)?.data ?? [])),
        ),
      ) as [number, number];
      return {
        found: `moved by ${moved.toPrecision(2)}, projector by ${still}`,
        holds: moved > 0 && still === 0,
      };
    },
  },
  {
    statement: 'a question is given its task’s tokens, and answers as the training model does',
    check: async (laboratory) => {
      const { last, tasks } = await laboratory.run(method, { epochs: 20 });
      const [route] = await last.route(last.questions(last.task));
      const off = largestDifference(
        await last.trainingLogits(last.trainedOn.slice(0, 6), last.trained),
        await last.inferenceLogits(last.examples.slice(0, 6)),
      );
      return {
        found: `${route?.insert?.length} tokens of task ${tasks.indexOf(route?.choice ?? '') + 1}; logits differ by ${off.toPrecision(2)}`,
        holds: route?.insert?.length === 10 && route.choice === last.task && off < 1e-4,
      };
    },
  },
  {
    statement: 'the prototype moves towards the task’s images and texts',
    check: async (laboratory) => {
      const { last } = await laboratory.run(method, { epochs: 20 });
      const before = (await last.losses(last.trainedOn, last.initial)).extra;
      const after = (await last.losses(last.trainedOn, last.trained)).extra;
      return {
        found: `1 − cos, both added: ${before.toFixed(3)}, then ${after.toFixed(3)}`,
        holds: after < before - 0.1,
      };
    },
  },
];
