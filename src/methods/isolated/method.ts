// Isolated experts with an oracle: one adapter per task, each trained alone on the base model, and every question goes to
// its own task's adapter because we tell it which task it is from. Nothing can be forgotten and nothing is transferred.
// The projector stays as it came: a shared one would let later tasks change what earlier experts see.
import { z } from 'zod';
import { defineMethod, type Method } from '../define.ts';
import type { AdapterSettings, OpenMethod } from '../method.ts';
import { expertTasks, mixtureRow } from '../shared/experts.ts';
import { keptMethod, keptParameters } from '../shared/kept.ts';
import { isolatedClaims } from './claims.ts';

/** Experts trained alone, one of them chosen per sample. */
export function isolatedExperts(adapter: AdapterSettings): OpenMethod {
  return keptMethod({ adapter, onTop: false, trainsProjector: false, weighted: () => true });
}

export const isolated: Method = defineMethod({
  name: 'isolated',
  label: 'Isolated (oracle)',
  summary: 'one adapter per task, chosen by an oracle: no forgetting and no transfer',
  neverForgets: true,
  costs: { keeps: 'an adapter per task', answering: 'the adapters of all tasks, one at work' },
  origin: { source: 'an adapter per task with oracle routing; no paper', deviations: [] },
  settings: z.strictObject({}),
  open: ({ adapter }) => ({
    ...isolatedExperts(adapter),
    inference: (state) => {
      const tasks = expertTasks(state.memory);
      return {
        parameters: keptParameters(state, adapter.alpha / adapter.rank),
        route: async (queries) =>
          queries.map(({ task }) => ({
            choice: task,
            rows: {
              mixture: mixtureRow(
                tasks.map((name) => (name === task ? 1 : 0)),
                adapter,
              ),
            },
          })),
      };
    },
  }),
  claims: isolatedClaims,
});
