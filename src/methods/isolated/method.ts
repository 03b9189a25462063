// Isolated experts with an oracle: one adapter per task, each trained alone on the base model, and every question goes to
// its own task's adapter because we tell it which task it is from. Nothing can be forgotten and nothing is transferred.
// The projector stays as it came: a shared one would let later tasks change what earlier experts see.
import { z } from 'zod';
import type { ExperimentStage } from '../claim.ts';
import { type AdapterSettings, defineMethod, type Method, type OpenMethod } from '../method.ts';
import { noMemory } from '../shared/carried.ts';
import { expertTasks, factorsOf, mixtureRow } from '../shared/experts.ts';
import { keptMethod, keptParameters } from '../shared/kept.ts';
import { largestAbsolute, largestDifference } from '../shared/matrices.ts';

/** Experts trained alone, one of them chosen per sample. */
export function isolatedExperts(adapter: AdapterSettings): OpenMethod {
  return keptMethod({ adapter, onTop: false, trainsProjector: false, weighted: () => true });
}

export const isolated: Method = defineMethod({
  name: 'isolated',
  label: 'Isolated (oracle)',
  summary: 'one adapter per task, chosen by an oracle: no forgetting and no transfer',
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
  claims: () => [
    {
      statement: 'an old adapter and the projector are the same bytes after later tasks',
      check: async (laboratory) => {
        const { stages } = await laboratory.run(isolated, { tasks: 3 });
        const [first, last] = [stages[0], stages.at(-1)];
        let off = 0;
        for (const [name, { data }] of [
          ...(first?.state.memory.tensors ?? []),
          ...(first?.state.trained ?? []),
        ]) {
          const later = last?.state.memory.tensors.get(name) ?? last?.state.trained.get(name);
          off = Math.max(off, largestDifference(data, later?.data ?? []));
        }
        const kept = expertTasks(last?.state.memory ?? noMemory);
        return {
          found: `${kept.length} adapters, differences ${off}`,
          holds: off === 0 && kept.length === 3,
        };
      },
    },
    {
      statement: 'answers to an old task do not change with later tasks, and differ between experts',
      check: async (laboratory) => {
        const { stages } = await laboratory.run(isolated);
        const [first, second] = stages as [ExperimentStage, ExperimentStage];
        const own = first.examples.slice(0, 6);
        const before = await first.inferenceLogits(own);
        const after = await second.inferenceLogits(own);
        const other = await second.inferenceLogits(own.map((example) => ({ ...example, task: second.task })));
        const apart = largestDifference(after, other);
        const off = largestDifference(before, after);
        return {
          found: `own expert ${off.toPrecision(2)} apart, the other one's answers ${apart.toPrecision(2)}`,
          holds: off < 1e-5 && apart > 1e-3,
        };
      },
    },
    {
      statement: 'each adapter has moved',
      check: async (laboratory) => {
        const { last, tasks } = await laboratory.run(isolated);
        const moved = expertTasks(last.state.memory).map((task) =>
          Math.max(
            ...[...factorsOf(last.state.memory.tensors, task).values()].map(({ b }) =>
              largestAbsolute(b.data),
            ),
          ),
        );
        return {
          found: `largest |B| ${moved.map((value) => value.toPrecision(2)).join(', ')}`,
          holds: moved.length === tasks.length && moved.every((value) => value > 0),
        };
      },
    },
  ],
});
