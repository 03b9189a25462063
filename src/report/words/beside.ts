// A run beside a published row: both over the tasks that both have. Published figures are those of the reference's scorers
// and of its judge's parser, so the run is shown under reference scoring or parsing whatever the page shows; judge scores
// stand beside the run's own. Pure; the tables draw from it.

import type { JudgeResults } from '../../followups/judging/judge-results.ts';
import { isWhole, restrictTo } from '../../metrics/published.ts';
import { type Summary, summarise } from '../../metrics/summary.ts';
import type { ModeResults } from '../../results/matrices.ts';
import type { BesideRow } from '../../streams/coin/published.ts';
import type { RunResults } from '../results.ts';

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
  /** Who judged the run, beside a row of judge scores. */
  readonly judge?: Pick<JudgeResults, 'label' | 'standIn'>;
}

/** Undefined when the run and the row have no task in common, or the run was not asked to be shown beside one. */
export function besideFigures(results: RunResults): BesideFigures | undefined {
  const { beside: row } = results;
  if (row === undefined) return undefined;
  const tasks = results.tasks.filter((task) => row.matrix.tasks.includes(task));
  if (tasks.length === 0) return undefined;
  const judge = row.kind === 'judge' ? results.judges?.[0] : undefined;
  const { zeroShot, methods } = figuresOf(results, row, judge);
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
    ...(judge === undefined ? {} : { judge }),
  };
}

/** What of the run is of the row's kind; nothing where the row has judge scores and nobody judged the run. */
function figuresOf(results: RunResults, { kind }: BesideRow, judge: JudgeResults | undefined): ModeResults {
  if (kind !== 'judge') return results.modes.reference;
  return judge?.modes.reference ?? { zeroShot: {}, methods: {} };
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
export function besideNotes(figures: BesideFigures): readonly string[] {
  const { row, tasks, sameOrder } = figures;
  return [
    `Over the ${tasks.length} tasks that both have; ${row.kind === 'judge' ? judgeNote(figures) : "the run's accuracy is that of reference scoring."}`,
    ...(sameOrder ? [] : ['The tasks were learned in another order.']),
    ...row.notes,
  ];
}

function judgeNote({ judge }: BesideFigures): string {
  if (judge === undefined)
    return 'the published figures are judge scores, and nobody has judged this run (coin judge).';
  const by = judge.standIn
    ? "the run's are those of the lexical stand-in, which is no judge: words were compared"
    : `the run's are those of ${judge.label}`;
  return `judge scores, read by the reference's parser; ${by}.`;
}
