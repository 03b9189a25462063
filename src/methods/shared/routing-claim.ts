// What every method claims that chooses an expert per question.
import type { Claim, ExperimentOptions } from '../claim.ts';
import type { Mechanism } from '../method.ts';

/** On the toy, questions that were never trained on go to their own task's expert. */
export function routingClaim(method: Mechanism, options: ExperimentOptions = {}): Claim {
  return {
    statement: 'unseen questions are routed to their own task',
    check: async (laboratory) => {
      const { last, tasks } = await laboratory.run(method, options);
      let [right, all] = [0, 0];
      for (const task of tasks) {
        for (const { choice } of await last.route(last.questions(task))) {
          all++;
          if (choice === task) right++;
        }
      }
      return { found: `${right} of ${all}`, holds: all > 0 && right / all >= 0.9 };
    },
  };
}
