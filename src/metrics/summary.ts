// The figures of a continual run out of its accuracy matrix (MAA, BWT, ACC), and the reading of a matrix from JSON.
// Formulas: reference.md, Metrics. Scores are percent, 0 to 100; nothing is rounded here but by `formatPercent`.
import { z } from 'zod';
import { DataError, UserError } from '../base/errors.ts';
import type { AccuracyMatrix } from './matrix.ts';

export interface Summary {
  /** Mean average accuracy, percent. */
  readonly maa: number;
  /** Backward transfer, percentage points; negative is forgetting. */
  readonly bwt: number;
  /** ACC: mean of the last row, percent. */
  readonly finalAverage: number;
}

export interface SummaryOptions {
  /** CoIN divides BWT by the number of tasks T; much other work by T − 1, since the last task cannot have changed. */
  readonly bwtDivisor?: 'T' | 'T-1';
}

/**
 * Sums a matrix up. With A[j][i] the score on task i after training on task j, and T rows:
 *
 *     MAA = (1/T) Σ_{j=1..T} (1/j) Σ_{i=1..j} A[j][i]
 *     BWT = (1/T) Σ_{i=1..T} (A[T][i] − A[i][i])
 *     ACC = (1/T) Σ_{i=1..T} A[T][i]
 *
 * An unfinished run, with fewer rows than tasks, is summed up as the finished run of its first T tasks: every figure
 * is over the stages that are there. `isComplete` tells the two apart; compare figures of equal length only.
 * Scores on tasks not yet seen (forward transfer) may be in a row and play no part.
 * @throws UserError naming the cell when a score of a seen task is missing, or when there is no row at all.
 */
export function summarise(matrix: AccuracyMatrix, options: SummaryOptions = {}): Summary {
  if (matrix.rows.length === 0) {
    throw new UserError('the accuracy matrix has no row: nothing has been evaluated yet');
  }
  return summariseScores(
    matrix.rows.map((_, stage) => seenScores(matrix, stage)),
    options,
  );
}

/** As `summarise`, for the scores of the tasks seen after each stage, in order: at least one row, the j-th of j scores. */
export function summariseScores(
  rows: readonly (readonly number[])[],
  { bwtDivisor = 'T' }: SummaryOptions = {},
): Summary {
  const stages = rows.length;
  const finalRow = rows[stages - 1] as readonly number[];
  const changes = finalRow.map((score, task) => score - (rows[task]?.[task] as number));
  // After one stage nothing can have changed, and T - 1 is 0.
  const divisor = bwtDivisor === 'T' ? stages : Math.max(1, stages - 1);
  return {
    maa: meanOf(rows.map(meanOf)),
    bwt: changes.reduce((sum, change) => sum + change, 0) / divisor,
    finalAverage: meanOf(finalRow),
  };
}

/** Whether every task of the stream has been trained on. */
export function isComplete(matrix: AccuracyMatrix): boolean {
  return matrix.rows.length === matrix.tasks.length;
}

const matrixSchema = z.object({
  tasks: z.array(z.string().min(1)).min(1, 'expected at least one task'),
  rows: z
    .array(z.object({ after: z.string(), scores: z.record(z.string(), z.number()) }))
    .min(1, 'expected at least one row'),
});

/**
 * A matrix out of JSON: `{"tasks": [...], "rows": [{"after": task, "scores": {task: percent}}]}`, a row per finished
 * stage in the order of `tasks`, each with a score of every task seen so far. Other fields are ignored.
 * @throws DataError naming the file, the row and the cell.
 */
export function validateMatrix(json: unknown, file: string): AccuracyMatrix {
  const parsed = matrixSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DataError({ message: issue?.message ?? 'not a matrix', file, field: issue?.path.join('.') });
  }
  const { tasks, rows } = parsed.data;
  const repeated = tasks.find((task, index) => tasks.indexOf(task) !== index);
  if (repeated !== undefined) {
    throw new DataError({ message: `the task ${repeated} occurs twice`, file, field: 'tasks' });
  }
  for (const [stage, { after, scores }] of rows.entries()) {
    const fail = (field: string, message: string) =>
      new DataError({ message: `${message} (row ${stage + 1})`, file, line: stage + 1, field });
    const expected = tasks[stage];
    if (expected === undefined) {
      throw fail('rows', `expected at most one row per task (${tasks.length}), found ${rows.length} rows`);
    }
    if (after !== expected) {
      throw fail(
        'after',
        tasks.includes(after)
          ? `rows are out of order: expected the stage after ${expected}, found ${after}`
          : `unknown task "${after}"; expected ${expected}`,
      );
    }
    for (const [task, score] of Object.entries(scores)) {
      if (!tasks.includes(task)) throw fail(`scores.${task}`, `unknown task "${task}"`);
      if (!(score >= 0 && score <= 100)) {
        throw fail(`scores.${task}`, `expected percent from 0 to 100, found ${score}`);
      }
    }
    const absent = tasks.slice(0, stage + 1).find((task) => !Object.hasOwn(scores, task));
    if (absent !== undefined) {
      throw fail(`scores.${absent}`, `the score on ${absent} after ${after} is missing`);
    }
  }
  return { tasks, rows };
}

/**
 * Two decimals as Python prints them: exact ties go to the even digit (3.125 gives 3.12), where `toFixed` rounds them
 * away from zero. The sign of a negative value stays, also when it rounds to zero.
 */
export function formatPercent(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`internal: ${value} is not a percentage`);
  const hundredths = Math.abs(value) * 100;
  // A tie has an odd multiple of 1/200 exactly, and only eighths of a percent are such binary fractions.
  const tie = Number.isInteger(value * 8) && hundredths % 1 === 0.5;
  if (!tie) return value.toFixed(2);
  const below = Math.floor(hundredths);
  const even = below % 2 === 0 ? below : below + 1;
  return `${value < 0 ? '-' : ''}${(even / 100).toFixed(2)}`;
}

/** Scores of the tasks seen after `stage` (counted from 0), in order. */
function seenScores(matrix: AccuracyMatrix, stage: number): readonly number[] {
  return Array.from({ length: stage + 1 }, (_, task) => cell(matrix, stage, task));
}

function cell({ tasks, rows }: AccuracyMatrix, stage: number, task: number): number {
  const name = tasks[task];
  const row = rows[stage];
  const score = name === undefined ? undefined : row?.scores[name];
  if (score === undefined) {
    throw new UserError(
      `the accuracy matrix has no score on ${name ?? `task ${task + 1}`} after ${row?.after ?? `stage ${stage + 1}`}`,
    );
  }
  return score;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
