// What Isolated (oracle) claims of its mechanism, and how it is found out.
import type { Claims, ExperimentStage } from '../claim.ts';
import { noMemory } from '../shared/carried.ts';
import { expertTasks, factorsOf } from '../shared/experts.ts';
import { largestAbsolute, largestDifference } from '../shared/matrices.ts';

export const isolatedClaims: Claims = (method) => [
  {
    statement: 'an old adapter and the projector are the same bytes after later tasks',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method, { tasks: 3 });
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
      const { stages } = await laboratory.run(method);
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
      const { last, tasks } = await laboratory.run(method);
      const moved = expertTasks(last.state.memory).map((task) =>
        Math.max(
          ...[...factorsOf(last.state.memory.tensors, task).values()].map(({ b }) => largestAbsolute(b.data)),
        ),
      );
      return {
        found: `largest |B| ${moved.map((value) => value.toPrecision(2)).join(', ')}`,
        holds: moved.length === tasks.length && moved.every((value) => value > 0),
      };
    },
  },
];
