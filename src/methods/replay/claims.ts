// What Replay claims of its mechanism, and how it is found out.
import type { Claims } from '../claim.ts';

export const replayClaims: Claims = (method) => [
  {
    statement: 'the stream holds every kept sample of the earlier tasks once',
    check: async (laboratory) => {
      const { stages } = await laboratory.run(method, { own: { samplesPerTask: 5 }, tasks: 3 });
      const counts = stages.map(({ examples, task }) => examples.filter((one) => one.task !== task).length);
      const last = stages.at(-1)?.examples ?? [];
      const distinct = new Set(last.map(({ sample }) => sample.id)).size;
      return {
        found: `replayed ${counts.join(', ')} of ${stages.map(({ examples }) => examples.length).join(', ')}`,
        holds: counts.join() === '0,5,10' && distinct === last.length,
      };
    },
  },
  {
    statement: 'a stated share of the stream is met, evenly over the earlier tasks',
    check: async (laboratory) => {
      const own = { samplesPerTask: 5, share: 0.4 };
      const { last, tasks } = await laboratory.run(method, { own, tasks: 3 });
      const counts = tasks.map((task) => last.examples.filter((one) => one.task === task).length);
      const [first = 0, second = 0] = counts;
      const found = (first + second) / last.examples.length;
      return {
        found: `${found} of the samples: ${tasks.map((task, i) => `${task} ${counts[i]}`).join(', ')}`,
        holds: Math.abs(found - 0.4) <= 1 / last.examples.length && Math.abs(first - second) <= 1,
      };
    },
  },
  {
    statement: 'a task keeps the same samples for all later ones',
    check: async (laboratory) => {
      const { stages, tasks } = await laboratory.run(method, { own: { samplesPerTask: 5 }, tasks: 3 });
      const kept = stages.slice(1).map(({ examples }) =>
        examples
          .filter(({ task }) => task === tasks[0])
          .map(({ sample }) => sample.id)
          .join(' '),
      );
      return { found: kept[0] ?? '', holds: kept.length === 2 && kept[0] === kept[1] && kept[0] !== '' };
    },
  },
];
