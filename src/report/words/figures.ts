// Everything the tables and the page show that is not in the results as such: just-trained and final scores, changes,
// row means, where the two scorings differ, and the headline. Pure; knows nothing of text or HTML layout.
import type { AccuracyMatrix } from '../../metrics/matrix.ts';
import type { MethodIntervals } from '../../results/intervals.ts';
import type { MethodResults } from '../../results/matrices.ts';
import type { ScoringMode } from '../../tasks/task.ts';
import type { MethodInfo, RunResults } from '../results.ts';
import { formatShort } from './numbers.ts';

/** One task under one method. Undefined where nothing has been evaluated yet. Percent; `change` in points. */
export interface TaskFigures {
  readonly task: string;
  readonly zeroShot?: number;
  /** A[i][i]: the score right after learning the task. */
  readonly justTrained?: number;
  /** The score after the last finished stage. */
  readonly final?: number;
  /** `final − justTrained`; negative is forgetting. The last finished stage's own task has none to lose: 0. */
  readonly change?: number;
}

export interface StageFigures {
  readonly after: string;
  /** A score per task in training order; undefined for tasks not seen yet. */
  readonly scores: readonly (number | undefined)[];
  /** Mean over the seen tasks: what MAA averages. */
  readonly mean?: number;
}

export interface MethodFigures {
  readonly name: string;
  readonly label: string;
  readonly info: MethodInfo;
  readonly results: MethodResults;
  readonly stages: readonly StageFigures[];
  readonly tasks: readonly TaskFigures[];
  readonly complete: boolean;
  readonly intervals?: MethodIntervals;
}

const nothingYet: Omit<MethodResults, 'matrix'> = {
  maa: Number.NaN,
  bwt: Number.NaN,
  finalAverage: Number.NaN,
  unreadable: [],
};

/** The figures of every method of the run under one scoring, in the run's own order; also of methods not begun. */
export function methodFigures(results: RunResults, mode: ScoringMode): readonly MethodFigures[] {
  const { methods, zeroShot } = results.modes[mode];
  return results.methods.map((info) => {
    const found = own(methods, info.name) ?? { ...nothingYet, matrix: { tasks: results.tasks, rows: [] } };
    const stages = stagesOf(found.matrix, results.tasks);
    const intervals = own(results.intervals?.[mode].methods ?? {}, info.name);
    return {
      name: info.name,
      label: info.label,
      intervals,
      info,
      results: found,
      stages,
      tasks: results.tasks.map((task, index) => taskFigures(task, index, stages, own(zeroShot, task))),
      complete: stages.length === results.tasks.length,
    };
  });
}

function stagesOf(matrix: AccuracyMatrix, tasks: readonly string[]): readonly StageFigures[] {
  return matrix.rows.map(({ after, scores }, stage) => {
    // A score on a task not learned yet is forward transfer and no part of the matrix.
    const seen = tasks.map((task, index) => (index <= stage ? own(scores, task) : undefined));
    const known = seen.filter((score) => score !== undefined);
    return { after, scores: seen, mean: known.length === 0 ? undefined : mean(known) };
  });
}

function taskFigures(
  task: string,
  index: number,
  stages: readonly StageFigures[],
  zeroShot: number | undefined,
): TaskFigures {
  const justTrained = stages[index]?.scores[index];
  const final = justTrained === undefined ? undefined : stages.at(-1)?.scores[index];
  const change = justTrained === undefined || final === undefined ? undefined : final - justTrained;
  return { task, zeroShot, justTrained, final, change };
}

/**
 * That there is nothing to forget, in words: the method trains nothing, no answer was right just after learning, or no
 * task was better then than before any training. Undefined where something was learnt, or no stage is finished.
 */
export function nothingLearnt({
  info,
  tasks,
}: Pick<MethodFigures, 'label' | 'info' | 'tasks'>): string | undefined {
  const learned = tasks.filter(({ justTrained }) => justTrained !== undefined);
  if (learned.length === 0) return undefined;
  if (info.trainableParameters === 0) return 'it trains nothing, so that nothing can be forgotten';
  if (learned.every(({ justTrained }) => justTrained === 0)) {
    return 'nothing was learnt, 0 % right just after training; its BWT says nothing';
  }
  const isGained = learned.some(
    ({ justTrained = 0, zeroShot }) => zeroShot === undefined || justTrained > zeroShot,
  );
  return isGained
    ? undefined
    : 'nothing was learnt, no task is better just after training than before any; its BWT says nothing';
}

/** The task that lost most, if any lost at all. */
export function mostForgotten(method: MethodFigures): TaskFigures | undefined {
  let worst: TaskFigures | undefined;
  for (const task of method.tasks) {
    if ((task.change ?? 0) < (worst?.change ?? 0)) worst = task;
  }
  return worst;
}

/** A cell that the two scorings see differently. `after` is undefined for the zero-shot row. */
export interface ScoringDifference {
  readonly method: string;
  readonly after: string | undefined;
  readonly task: string;
  readonly strict: number;
  readonly reference: number;
}

/** Every cell whose scores differ by more than rounding shows (0.005 points), zero-shot first. */
export function scoringDifferences(results: RunResults): readonly ScoringDifference[] {
  const differences: ScoringDifference[] = [];
  const compare = (
    place: Pick<ScoringDifference, 'method' | 'after' | 'task'>,
    strict?: number,
    reference?: number,
  ) => {
    if (strict === undefined || reference === undefined) return;
    if (Math.abs(strict - reference) >= 0.005) differences.push({ ...place, strict, reference });
  };
  const [strictModel, referenceModel] = [results.modes.strict, results.modes.reference];
  for (const task of results.tasks) {
    compare(
      { method: '', after: undefined, task },
      own(strictModel.zeroShot, task),
      own(referenceModel.zeroShot, task),
    );
  }
  const references = methodFigures(results, 'reference');
  for (const [index, method] of methodFigures(results, 'strict').entries()) {
    for (const [stage, { after, scores }] of method.stages.entries()) {
      for (const [column, task] of results.tasks.entries()) {
        compare(
          { method: method.name, after, task },
          scores[column],
          references[index]?.stages[stage]?.scores[column],
        );
      }
    }
  }
  return differences;
}

/** The configuration's name, with the folder where it is called otherwise. */
export function runName({ title, folder }: Pick<RunResults, 'title' | 'folder'>): string {
  return folder === title ? title : `${title} (${folder})`;
}

/** One sentence that says what was forgotten, out of the figures. */
export function headline(results: RunResults, mode: ScoringMode): string {
  const methods = methodFigures(results, mode).filter(({ stages }) => stages.length > 0);
  if (methods.length === 0) return 'Nothing has been learned yet: no stage of this run is finished.';
  if (methods.every(({ stages }) => stages.length === 1)) {
    const parts = methods.map((method) => {
      return `${method.label} stands at ${formatShort(method.results.finalAverage)} on ${method.stages[0]?.after}`;
    });
    return `${parts.join('; ')}. With one task learned, there is nothing to forget yet.`;
  }
  const [highest, lowest] = extremes(methods);
  if (methods.length > longestList) {
    const place = `Of ${methods.length} methods, `;
    return `${place}${clause(highest, true, ' highest,')}; ${clause(lowest, false, ' lowest,')}.`;
  }
  return `${methods.map((method, index) => clause(method, index === 0)).join('; ')}.`;
}

/** How many methods a sentence can name; of more, it names the best and the worst. */
const longestList = 3;

function extremes(methods: readonly MethodFigures[]): readonly [MethodFigures, MethodFigures] {
  const sorted = [...methods].sort(
    (first, second) => second.results.finalAverage - first.results.finalAverage,
  );
  const [highest, lowest] = [sorted[0], sorted.at(-1)];
  if (highest === undefined || lowest === undefined) throw new Error('internal: no method to compare');
  return [highest, lowest];
}

function clause(
  { label, info, results, stages, tasks, complete }: MethodFigures,
  isFirst: boolean,
  rank = '',
): string {
  const nothing = nothingLearnt({ label, info, tasks });
  if (nothing !== undefined)
    return `${label}${rank} stands at ${formatShort(results.finalAverage)}: ${nothing}`;
  const verb = complete ? 'ends' : `stands after ${stages.length} of ${tasks.length} tasks`;
  const figures = `${label} ${verb}${rank} at ${formatShort(results.finalAverage)}${isFirst ? ' on average' : ''}`;
  const reached = isFirst ? 'what it had just after learning each task' : 'what it had';
  if (Math.abs(results.bwt) < 0.05) return `${figures}, level with ${reached}`;
  const side = results.bwt < 0 ? 'below' : 'above';
  return `${figures}, ${formatShort(Math.abs(results.bwt))} points ${side} ${reached}`;
}

/** A second sentence: how the methods compare, and what was lost most. Empty where there is nothing to say. */
export function subline(results: RunResults, mode: ScoringMode): string {
  const methods = methodFigures(results, mode).filter(({ stages }) => stages.length > 1);
  const named = methods.length > longestList ? extremes(methods) : methods;
  const losses = named.flatMap((method) => {
    const worst = mostForgotten(method);
    if (worst === undefined) return [];
    const fall = `from ${formatShort(worst.justTrained)} to ${formatShort(worst.final)}`;
    return [{ label: method.label, task: worst.task, fall }];
  });
  const [first] = losses;
  if (first === undefined) return '';
  if (losses.length > 1 && losses.every(({ task }) => task === first.task)) {
    const falls = losses.map(({ label, fall }, index) => `${label}${index === 0 ? ' fell' : ''} ${fall}`);
    return `Most was lost on ${first.task}: ${falls.join(', ')}.`;
  }
  return `${losses.map(({ label, task, fall }) => `${label} lost most on ${task}, ${fall}`).join('; ')}.`;
}

/** The value under a key of the record's own: a task called `constructor` finds nothing on the prototype. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Missing and unparseable predictions, summed over a method's rows, per task. */
export function unreadableByTask(
  method: MethodFigures,
): readonly { readonly task: string; readonly missing: number; readonly unparseable: number }[] {
  return method.tasks
    .map(({ task }) => {
      const entries = method.results.unreadable.filter((entry) => entry.task === task);
      return {
        task,
        missing: entries.reduce((sum, { missing }) => sum + missing, 0),
        unparseable: entries.reduce((sum, { unparseable }) => sum + unparseable, 0),
      };
    })
    .filter(({ missing, unparseable }) => missing + unparseable > 0);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
