// What Joint claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';
import { lora } from '../lora/method.ts';

export const jointClaims: Claims = (method) => [
  {
    statement: 'one stage trains on the samples of every task, as many as the tasks have one after another',
    check: async (laboratory) => {
      const { stages, tasks, last } = await laboratory.run(method);
      const { stages: apart } = await laboratory.run(lora);
      const sequential = apart.reduce((total, { examples }) => total + examples.length, 0);
      const seen = new Set(last.examples.map(({ task }) => task));
      return {
        found: `${stages.length} stage of ${last.examples.length} samples of ${seen.size} tasks; one after another ${sequential}`,
        holds: stages.length === 1 && last.examples.length === sequential && seen.size === tasks.length,
      };
    },
  },
  {
    statement: 'the loss of every task falls',
    check: async (laboratory) => {
      const { last, tasks } = await laboratory.run(method);
      const falls = await Promise.all(
        tasks.map(async (task) => {
          const own = last.examples.filter((example) => example.task === task);
          const before = await last.losses(own, last.initial);
          const after = await last.losses(own, last.trained);
          return after.crossEntropy / before.crossEntropy;
        }),
      );
      const shares = falls.map((share) => share.toFixed(2)).join(' and ');
      return { found: `to ${shares} of what they were`, holds: falls.every((share) => share < 0.9) };
    },
  },
];
