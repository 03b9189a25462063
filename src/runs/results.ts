// The results of a run, computed from its predictions on disk and the test data, in both scoring modes.
// Nothing here trusts a figure that was computed before; the journal gives only times and which steps are there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonAtomic } from '../formats/files.ts';
import { methods } from '../methods/index.ts';
import type { AccuracyMatrix, MatrixRow } from '../metrics/matrix.ts';
import { summarise } from '../metrics/summary.ts';
import type { MethodInfo, MethodResults, ModeResults, RunResults } from '../report/results.ts';
import { type TaskName, tasks } from '../tasks/index.ts';
import type { Prediction, ScoringMode, TaskScore, TaskSource, TestSample } from '../tasks/task.ts';
import type { MethodName, RunConfig } from './config-schema.ts';
import { type EvaluationData, exampleResults, type Stages } from './examples.ts';
import { type JournalRecord, readJournal, recordsByKey } from './journal.ts';
import { type EvaluateStep, matrixRows, planRun, type Step } from './plan.ts';
import { readPredictions, requireKnownIds } from './predictions.ts';
import { type Provenance, readProvenance, requireSameData } from './provenance.ts';
import { readRunConfig, runFiles } from './run-folder.ts';
import { testSamples } from './samples.ts';
import { prepareData } from './sources.ts';

/** What `metrics.json` holds: nothing that depends on when or where the run was made. */
export interface Metrics {
  readonly tasks: readonly string[];
  readonly modes: RunResults['modes'];
}

/**
 * Scores every prediction of a run. A stage whose evaluations are not all there is left out, and a method without a
 * whole stage.
 * @throws UserError or DataError when the folder is not a run, or its predictions or test data are missing or damaged.
 */
export async function computeResults(folder: string): Promise<RunResults> {
  const config = readRunConfig(folder);
  const provenance = readProvenance(folder);
  const source = await dataOf(config, provenance, folder);
  const records = recordsByKey(readJournal(runFiles.journal(folder)));
  const steps = planRun(config);
  const evaluations = new Evaluations({ config, folder, source });
  const done = steps.filter(
    (step): step is EvaluateStep => step.kind === 'evaluate' && records.has(step.key),
  );
  const stages = wholeStages(config, done);
  const begun = config.methods.filter((method) => (stages.get(method) ?? []).length > 0);
  const resultsOf = (mode: ScoringMode): ModeResults => ({
    zeroShot: Object.fromEntries(
      done
        .filter(({ trained }) => trained === undefined)
        .map((step) => [step.task, evaluations.score(step, mode).accuracy]),
    ),
    methods: Object.fromEntries(
      begun.map((method) => [
        method,
        methodResults(config.tasks, stages.get(method) ?? [], (step) => evaluations.score(step, mode)),
      ]),
    ),
  });
  return {
    title: config.name,
    tasks: config.tasks,
    modes: { reference: resultsOf('reference'), strict: resultsOf('strict') },
    methods: begun.map((method) => methodInfo(method, steps, records)),
    configuration: { ...config },
    provenance: describeProvenance(config, provenance),
    examples: await exampleResults(config.tasks, begun, stages, evaluations),
  };
}

/** The part of the results that `metrics.json` keeps. */
export function metricsOf({ tasks, modes }: RunResults): Metrics {
  return { tasks, modes };
}

export function writeMetrics(folder: string, results: RunResults): void {
  writeJsonAtomic(runFiles.metrics(folder), metricsOf(results));
}

/** Whether `metrics.json` says what the predictions say; undefined when there is none. */
export function metricsAgree(folder: string, results: RunResults): boolean | undefined {
  const file = runFiles.metrics(folder);
  if (!existsSync(file)) return undefined;
  return readFileSync(file, 'utf8') === `${JSON.stringify(metricsOf(results), undefined, 2)}\n`;
}

/** The stages of each method up to the first that lacks an evaluation. */
function wholeStages({ tasks, methods }: RunConfig, done: readonly EvaluateStep[]): Stages {
  return new Map(
    methods.map((method) => {
      const stages = matrixRows(method, done, tasks);
      const broken = stages.findIndex((evaluations, index) => evaluations.length <= index);
      return [method, broken === -1 ? stages : stages.slice(0, broken)];
    }),
  );
}

function methodResults(
  tasks: readonly TaskName[],
  stages: readonly (readonly EvaluateStep[])[],
  scoreOf: (step: EvaluateStep) => TaskScore,
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
  return {
    matrix,
    ...summarise(matrix),
    unreadable: scored.flatMap(({ after, scores }) =>
      scores
        .filter(({ score }) => score.missing > 0 || score.unparseable > 0)
        .map(({ task, score: { missing, unparseable } }) => ({ after, task, missing, unparseable })),
    ),
  };
}

function methodInfo(
  method: MethodName,
  steps: readonly Step[],
  records: ReadonlyMap<string, JournalRecord>,
): MethodInfo {
  const own = steps.filter((step) => (step.kind === 'train' ? step.method : step.trained?.method) === method);
  const recordsOf = (kind: Step['kind']) =>
    own.flatMap((step) => (step.kind === kind ? (records.get(step.key) ?? []) : []));
  const secondsOf = (kind: Step['kind']) =>
    recordsOf(kind).reduce((sum, { measured }) => sum + (measured.seconds ?? 0), 0);
  return {
    name: method,
    label: methods[method].label,
    trainableParameters: recordsOf('train')[0]?.measured.trainableParameters ?? 0,
    trainingSeconds: secondsOf('train'),
    evaluationSeconds: secondsOf('evaluate'),
  };
}

/** The test data that the run was made with, wherever it lies now. */
async function dataOf(config: RunConfig, provenance: Provenance, folder: string): Promise<TaskSource> {
  const { instructionType } = config;
  const source = existsSync(provenance.data.folder)
    ? { root: provenance.data.folder, instructionType }
    : await prepareData(config, folder);
  requireSameData(provenance, { source, tasks: config.tasks });
  return source;
}

function describeProvenance(config: RunConfig, provenance: Provenance): Readonly<Record<string, string>> {
  const { began, versions, machine, protocol, data, weights } = provenance;
  return {
    began,
    ...protocol,
    ...versions,
    ...machine,
    provider: config.provider,
    seed: String(config.seed),
    'data (SHA-256)': data.sha256,
    'weights (SHA-256)': weights.sha256,
  };
}

/** Reads each file, and scores it in each mode, once. */
class Evaluations implements EvaluationData {
  readonly #options: { readonly config: RunConfig; readonly folder: string; readonly source: TaskSource };
  readonly #samples = new Map<TaskName, readonly TestSample[]>();
  readonly #scores = new Map<string, TaskScore>();

  constructor(options: { readonly config: RunConfig; readonly folder: string; readonly source: TaskSource }) {
    this.#options = options;
  }

  samples(task: TaskName): readonly TestSample[] {
    const { config, source } = this.#options;
    return remembered(this.#samples, task, () => testSamples(config, source, task));
  }

  predictions(step: EvaluateStep): readonly Prediction[] {
    const file = join(this.#options.folder, step.predictionFile);
    const predictions = readPredictions(file);
    requireKnownIds(file, this.samples(step.task), predictions);
    return predictions;
  }

  score(step: EvaluateStep, mode: ScoringMode): TaskScore {
    return remembered(this.#scores, `${mode} ${step.key}`, () =>
      tasks[step.task].score(mode, this.samples(step.task), this.predictions(step)),
    );
  }
}

function remembered<Key, Value>(values: Map<Key, Value>, key: Key, compute: () => Value): Value {
  const known = values.get(key);
  if (known !== undefined) return known;
  const value = compute();
  values.set(key, value);
  return value;
}
