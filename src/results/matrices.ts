// From scored evaluations to a matrix per method with its figures. Whose scores they are (a scorer's, a judge's) is the
// caller's business.

import type { Catalogue } from '../config/catalogue.ts';
import { type EvaluateStep, matrixRows } from '../config/plan.ts';
import type { MethodName, RunConfig } from '../config/schema.ts';
import type { AccuracyMatrix, MatrixRow } from '../metrics/matrix.ts';
import { summarise } from '../metrics/summary.ts';
import type { ForwardTransfer } from '../metrics/transfer.ts';
import { forwardTransfer } from '../metrics/transfer.ts';
import type { TaskName } from '../tasks/index.ts';

export interface ModeResults {
  /** Task name to percent. */
  readonly zeroShot: Readonly<Record<string, number>>;
  readonly methods: Readonly<Record<string, MethodResults>>;
}

export interface MethodResults {
  readonly matrix: AccuracyMatrix;
  readonly maa: number;
  readonly bwt: number;
  /** ACC: mean of the final row. */
  readonly finalAverage: number;
  /** Where tasks were evaluated before they were learned. */
  readonly transfer?: ForwardTransfer;
  /** Missing and unparseable predictions per row and task, counted apart from wrong ones. */
  readonly unreadable: readonly {
    readonly after: string;
    readonly task: string;
    readonly missing: number;
    readonly unparseable: number;
  }[];
}

/** The whole stages of each method in order, each with its evaluations: of every seen task, and of unseen ones if any. */
export type Stages = ReadonlyMap<MethodName, readonly (readonly EvaluateStep[])[]>;

/** The score of one evaluation in percent, and the answers that could not be read. */
export interface CellScore {
  readonly accuracy: number;
  readonly missing: number;
  readonly unparseable: number;
}

/** The run whose stages are asked for. */
interface StagesOf {
  readonly config: Pick<RunConfig, 'tasks' | 'methods'>;
  readonly catalogue: Catalogue;
}

/** The stages of each method up to the first that lacks the evaluation of a seen task. */
export function wholeStages(
  { config: { tasks, methods }, catalogue }: StagesOf,
  done: readonly EvaluateStep[],
): Stages {
  return new Map(
    methods.map((method) => {
      const stages = matrixRows(catalogue.methods.get(method), done, tasks);
      const broken = stages.findIndex((evaluations, index) => {
        const evaluated = new Set(evaluations.map(({ task }) => task));
        return tasks.slice(0, index + 1).some((task) => !evaluated.has(task));
      });
      return [method, broken === -1 ? stages : stages.slice(0, broken)];
    }),
  );
}

export interface ModeOptions {
  readonly tasks: readonly TaskName[];
  readonly stages: Stages;
  /** The zero-shot ones are taken from here. */
  readonly done: readonly EvaluateStep[];
  scoreOf(step: EvaluateStep): CellScore;
}

/** Zero-shot scores, and the results of every method that has a whole stage. */
export function modeResults({ tasks, stages, done, scoreOf }: ModeOptions): ModeResults {
  const untrained = done.filter(({ trained }) => trained === undefined);
  const zeroShot = Object.fromEntries(untrained.map((step) => [step.task, scoreOf(step).accuracy]));
  const begun = [...stages].filter(([, evaluations]) => evaluations.length > 0);
  return {
    zeroShot,
    methods: Object.fromEntries(
      begun.map(([method, evaluations]) => [method, methodResults(tasks, evaluations, zeroShot, scoreOf)]),
    ),
  };
}

function methodResults(
  tasks: readonly TaskName[],
  stages: readonly (readonly EvaluateStep[])[],
  zeroShot: Readonly<Record<string, number>>,
  scoreOf: (step: EvaluateStep) => CellScore,
): MethodResults {
  const scored = stages.map((evaluations, index) => ({
    after: tasks[index] as string,
    scores: evaluations.map((step) => ({ task: step.task, score: scoreOf(step) })),
  }));
  const matrix: AccuracyMatrix = {
    tasks,
    rows: scored.map(
      ({ after, scores }): MatrixRow => ({
        after,
        scores: Object.fromEntries(scores.map(({ task, score }) => [task, score.accuracy])),
      }),
    ),
  };
  const transfer = forwardTransfer(matrix, zeroShot);
  return {
    matrix,
    ...summarise(matrix),
    ...(transfer === undefined ? {} : { transfer }),
    unreadable: scored.flatMap(({ after, scores }) =>
      scores
        .filter(({ score }) => score.missing > 0 || score.unparseable > 0)
        .map(({ task, score: { missing, unparseable } }) => ({ after, task, missing, unparseable })),
    ),
  };
}
