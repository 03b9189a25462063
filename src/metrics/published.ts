// The authors' own results: accuracy matrices and judge scores out of their committed files, to hold a run against.
// The figures are theirs; what can be computed from them is computed here, and what cannot is left undefined.
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import type { AccuracyMatrix } from './matrix.ts';
import { type Summary, summarise } from './summary.ts';

const percent = z.number().min(0).max(100);
const scores = z.record(z.string(), percent.nullable());

const rowSchema = z.object({
  id: z.string().min(1),
  kind: z.enum(['truth-alignment', 'judge']),
  model: z.string(),
  method: z.string(),
  variant: z.string().default(''),
  judge: z.string().optional(),
  /** In the authors' repository. */
  folder: z.string(),
  tasks: z.array(z.string()).min(1),
  zeroShot: scores.default({}),
  multitask: scores.default({}),
  rows: z.array(z.object({ after: z.string(), scores })),
  notes: z.string().optional(),
  /** Zero-shot scores that are in none of the files. */
  zeroShotElsewhere: z
    .record(z.string(), z.object({ value: percent, status: z.string(), source: z.string() }))
    .default({}),
  /** Figures that the paper gives, and the cells they need that no file has. */
  published: z
    .object({
      maa: z.number(),
      bwt: z.number(),
      source: z.string(),
      cells: z.array(
        z.object({
          task: z.string(),
          justTrained: percent,
          final: percent,
          status: z.string(),
          source: z.string(),
        }),
      ),
    })
    .optional(),
});

const fileSchema = z.object({
  source: z.object({ repository: z.string(), licence: z.string(), what: z.string() }),
  rows: z.array(rowSchema),
});

/** One published sequence: a model, a method and a setting. Scores are percent; a null is a cell without a file. */
export type PublishedRow = Readonly<z.output<typeof rowSchema>>;
export type PublishedResults = Readonly<z.output<typeof fileSchema>>;

/** @throws DataError naming the field that is not as it should be. */
export function parsePublished(json: unknown, file: string): PublishedResults {
  const parsed = fileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DataError({ file, field: issue?.path.join('.'), message: issue?.message ?? 'not as expected' });
}

/** The row as a matrix of the tasks that it has a stage for; cells that are not there are left out. */
export function publishedMatrix({ tasks, rows }: PublishedRow): AccuracyMatrix {
  return {
    tasks,
    rows: rows
      .filter(({ after }) => tasks.includes(after))
      .map(({ after, scores: known }) => ({
        after,
        scores: Object.fromEntries(
          Object.entries(known).filter((cell): cell is [string, number] => cell[1] !== null),
        ),
      })),
  };
}

/** Every stage is there, with every task seen so far. */
export function isWhole({ tasks, rows }: AccuracyMatrix): boolean {
  return (
    rows.length === tasks.length &&
    rows.every(
      ({ after, scores: known }, stage) =>
        after === tasks[stage] && tasks.slice(0, stage + 1).every((task) => Object.hasOwn(known, task)),
    )
  );
}

/** MAA, BWT and ACC over the row's own tasks; undefined where a cell is missing. */
export function publishedSummary(row: PublishedRow): Summary | undefined {
  const matrix = publishedMatrix(row);
  return isWhole(matrix) ? summarise(matrix) : undefined;
}

/** What the paper's figures become when they are computed from the cells that are known. */
export interface Reproduction {
  readonly bwt: number;
  readonly publishedBwt: number;
  /** MAA with every cell that is known nowhere at 0, and at 100. */
  readonly maaRange: readonly [number, number];
  readonly publishedMaa: number;
  /** What the unknown cells average to, each weighted as MAA weights it, if the published MAA is right. */
  readonly impliedMean: number;
  readonly unknownCells: number;
}

/**
 * BWT and bounds of MAA over all the tasks of the paper, out of the files and of the cells that `published` adds.
 * A task that is in no file stands in front, where the paper's order has it. Undefined for a row without `published`.
 */
export function reproduce(row: PublishedRow): Reproduction | undefined {
  const { published } = row;
  if (published === undefined) return undefined;
  const cellOf = new Map(published.cells.map((cell) => [cell.task, cell]));
  const added = [...cellOf.keys()].filter((task) => !row.tasks.includes(task));
  const tasks = [...added, ...row.tasks];
  const { rows } = publishedMatrix(row);
  const known = (stage: number, task: number): number | undefined => {
    const name = tasks[task] ?? '';
    const cell = cellOf.get(name);
    if (cell !== undefined && stage === task) return cell.justTrained;
    if (cell !== undefined && stage === tasks.length - 1) return cell.final;
    return rows[stage - added.length]?.scores[name];
  };
  let sum = 0;
  let change = 0;
  let unknownWeight = 0;
  let unknownCells = 0;
  for (const [stage] of tasks.entries()) {
    for (let task = 0; task <= stage; task++) {
      const score = known(stage, task);
      sum += (score ?? 0) / (stage + 1);
      if (score === undefined) {
        unknownWeight += 1 / (stage + 1);
        unknownCells++;
      }
    }
    change += (known(tasks.length - 1, stage) ?? Number.NaN) - (known(stage, stage) ?? Number.NaN);
  }
  const stages = tasks.length;
  return {
    bwt: change / stages,
    publishedBwt: published.bwt,
    maaRange: [sum / stages, (sum + 100 * unknownWeight) / stages],
    publishedMaa: published.maa,
    impliedMean: (published.maa * stages - sum) / unknownWeight,
    unknownCells,
  };
}

/** Both matrices over the tasks that both have, each in its own order, stages of other tasks left out. */
export function restrictTo(matrix: AccuracyMatrix, tasks: readonly string[]): AccuracyMatrix {
  const kept = matrix.tasks.filter((task) => tasks.includes(task));
  return {
    tasks: kept,
    rows: matrix.rows
      .filter(({ after }) => kept.includes(after))
      .map(({ after, scores: known }) => ({
        after,
        scores: Object.fromEntries(Object.entries(known).filter(([task]) => kept.includes(task))),
      })),
  };
}
