// Joint training, the upper bound: the samples of all tasks shuffled together, one adapter, as many steps as the tasks
// one after another have. The paper calls it multi-task.
import { z } from 'zod';
import { lora } from '../lora/method.ts';
import { defineMethod, type Method } from '../method.ts';
import { carriedAdapter, loraSpec } from '../shared/carried.ts';

export const joint: Method = defineMethod({
  name: 'joint',
  label: 'Joint',
  summary: 'one adapter trained on all tasks at once; nothing can be forgotten',
  stream: 'joint',
  origin: { source: 'the multi-task row of CoIN (Chen et al., NeurIPS 2024)', deviations: [] },
  settings: z.strictObject({}),
  open: ({ adapter }) => carriedAdapter(loraSpec(adapter)),
  claims: () => [
    {
      statement: 'one stage trains on the samples of every task, as many as the tasks have one after another',
      check: async (laboratory) => {
        const { stages, tasks, last } = await laboratory.run(joint);
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
        const { last, tasks } = await laboratory.run(joint);
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
  ],
});
