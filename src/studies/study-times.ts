// What of a study's results depends on when and where it was computed: wall-clock times, and which of two runs of a step
// that they share took it over. They are kept in times.json, so that results.json is the same however often the study was
// stopped, and on every machine that answers the same.
import { costFigures } from '../results/costs.ts';
import type { StudyResults } from './study-results.ts';

const timed = new Set(
  Object.entries(costFigures).flatMap(([name, { unit }]) => (unit === 'seconds' ? [name] : [])),
);

/** What results.json and times.json hold. */
export function splitTimes({ sharing, arms, ...rest }: StudyResults) {
  return {
    results: {
      ...rest,
      arms: arms.map(({ cost, ...arm }) => ({ ...arm, cost: only(cost, (name) => !timed.has(name)) })),
    },
    times: {
      arms: Object.fromEntries(arms.map(({ name, cost }) => [name, only(cost, (key) => timed.has(key))])),
      sharing,
    },
  };
}

function only(record: object, keep: (name: string) => boolean) {
  return Object.fromEntries(Object.entries(record).filter(([name]) => keep(name)));
}
