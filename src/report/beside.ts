// A run beside a published row: both over the tasks that both have. Published accuracies are those of the reference
// scorers, so the run is shown under reference scoring whatever the page shows. Pure; the tables draw from it.
import { isWhole, restrictTo } from '../metrics/published.ts';
import { type Summary, summarise } from '../metrics/summary.ts';
import type { BesideRow, RunResults } from './results.ts';

export interface BesideColumn {
  readonly label: string;
  /** Undefined where not every stage of the shared tasks is there. */
  readonly summary?: Summary;
  readonly tasks: readonly {
    readonly zeroShot?: number;
    readonly justTrained?: number;
    readonly final?: number;
    readonly change?: number;
  }[];
}

export interface BesideFigures {
  readonly row: BesideRow;
  /** That both have, in the run's order. */
  readonly tasks: readonly string[];
  /** Whether the shared tasks were learned in the same order. */
  readonly sameOrder: boolean;
  /** The published row first, then the run's methods. */
  readonly columns: readonly BesideColumn[];
}

/** Undefined when the run and the row have no task in common, or the run was not asked to be shown beside one. */
export function besideFigures(results: RunResults): BesideFigures | undefined {
  const { beside: row } = results;
  if (row === undefined) return undefined;
  const tasks = results.tasks.filter((task) => row.matrix.tasks.includes(task));
  if (tasks.length === 0) return undefined;
  const { zeroShot, methods } = results.modes.reference;
  const run = results.methods.flatMap(({ name, label }) => {
    const found = methods[name];
    return found === undefined ? [] : [column(label, found.matrix, zeroShot, tasks)];
  });
  const published = restrictTo(row.matrix, tasks);
  return {
    row,
    tasks,
    sameOrder: published.tasks.join() === tasks.join(),
    columns: [column('published', row.matrix, row.zeroShot, tasks), ...run],
  };
}

function column(
  label: string,
  whole: BesideRow['matrix'],
  zeroShot: Readonly<Record<string, number>>,
  tasks: readonly string[],
): BesideColumn {
  const matrix = restrictTo(whole, tasks);
  return {
    label,
    ...(isWhole(matrix) && { summary: summarise(matrix) }),
    tasks: tasks.map((task) => {
      const justTrained = matrix.rows.find(({ after }) => after === task)?.scores[task];
      const last = matrix.rows.at(-1);
      const final = matrix.rows.length === matrix.tasks.length ? last?.scores[task] : undefined;
      const change = justTrained === undefined || final === undefined ? undefined : final - justTrained;
      return { zeroShot: zeroShot[task], justTrained, final, change };
    }),
  };
}

/** What is to be known when the two are read side by side. */
export function besideNotes({ row, tasks, sameOrder }: BesideFigures): readonly string[] {
  return [
    `Over the ${tasks.length} tasks that both have; the run's accuracy is that of reference scoring.`,
    ...(row.kind === 'judge' ? ['The published figures are judge scores, not accuracy.'] : []),
    ...(sameOrder ? [] : ['The tasks were learned in another order.']),
    ...row.notes,
  ];
}
