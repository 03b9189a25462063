// The steps of a run in order, and where each leaves its files. Nothing is executed here.
// Zero-shot evaluations come first and are shared by the methods; then each method goes through the stream its own way.
import { join } from 'node:path';
import { dirname } from 'node:path/posix';
import type { Method, MethodName } from '../methods/index.ts';
import { tasksUpTo } from '../methods/stream.ts';
import type { TaskName } from '../tasks/index.ts';
import type { Catalogue } from './catalogue.ts';
import type { RunConfig } from './schema.ts';

/** A trained stage whose model answers. */
export interface TrainedStage {
  readonly method: MethodName;
  /** Counted from 1. */
  readonly stage: number;
  readonly adapterFolder: string;
}

/** Trains `task` as stage `stage` (counted from 1) of a method. */
export interface TrainStep {
  readonly kind: 'train';
  /** e.g. `lora/3-ImageNet/train`. */
  readonly key: string;
  readonly method: MethodName;
  /** The method's, for people. */
  readonly label: string;
  readonly stage: number;
  /** The last of `tasks`. */
  readonly task: TaskName;
  /** What it trains on: one task of a stream, or all of them shuffled together. */
  readonly tasks: readonly TaskName[];
  /** The train step before it in the stream. */
  readonly previous?: TrainStep;
  /** Below the run's folder. */
  readonly adapterFolder: string;
  readonly checkpointFolder: string;
}

/** Evaluates `task` with the adapter of `trained`; without one, zero-shot. */
export interface EvaluateStep {
  readonly kind: 'evaluate';
  /** e.g. `lora/3-ImageNet/evaluate/TextVQA`, or `zero-shot/TextVQA`. */
  readonly key: string;
  readonly task: TaskName;
  readonly trained?: TrainStep;
  /** Below the run's folder. */
  readonly predictionFile: string;
}

export type Step = TrainStep | EvaluateStep;

/** What a train step of the run in `folder` left behind, for an engine. */
export function trainedStage(folder: string, step: TrainStep): TrainedStage {
  const { method, stage, adapterFolder } = step;
  return { method, stage, adapterFolder: join(folder, adapterFolder) };
}

export interface PlanConfig extends Pick<RunConfig, 'tasks' | 'methods'> {
  readonly evaluation: Pick<RunConfig['evaluation'], 'zeroShot' | 'unseen'>;
}

/**
 * Every step of a run: with T tasks, T zero-shot evaluations and, per method with a stream, T trainings and T(T+1)/2
 * evaluations; T² where unseen tasks are evaluated too. A method whose model does not change over the stream is evaluated
 * once.
 */
export function planRun(
  { tasks, methods: names, evaluation }: PlanConfig,
  { methods }: Pick<Catalogue, 'methods'>,
): readonly Step[] {
  const zeroShot = evaluation.zeroShot ? tasks.map(zeroShotStep) : [];
  const steps = names.flatMap((method) => stepsOf(methods.get(method), tasks, evaluation.unseen));
  // Zero-shot evaluations are asked for by the run and by the method that is nothing else.
  return [...new Map([...zeroShot, ...steps].map((step) => [step.key, step])).values()];
}

/**
 * The evaluations behind each row of a method's matrix: every task seen after each stage, and unseen ones where they
 * were evaluated. Where the model does not change over the stream, an evaluation stands in every row.
 */
export function matrixRows(
  { name, stream }: Method,
  steps: readonly Step[],
  tasks: readonly TaskName[],
): readonly (readonly EvaluateStep[])[] {
  const own = steps.filter(
    (step): step is EvaluateStep =>
      step.kind === 'evaluate' && step.trained?.method === (stream.trains ? name : undefined),
  );
  return tasks.map((_, index) => {
    const seen = tasks.slice(0, index + 1);
    return stream.changes
      ? own.filter(({ trained }) => trained?.stage === index + 1)
      : own.filter(({ task }) => seen.includes(task));
  });
}

/** The method whose model a step trains or asks; undefined for zero-shot evaluations, which are nobody's. */
export function methodOf(step: Step): MethodName | undefined {
  return step.kind === 'train' ? step.method : step.trained?.method;
}

/** The steps of one method. */
function stepsOf(
  { name: method, label, stream }: Method,
  tasks: readonly TaskName[],
  unseen: boolean,
): readonly Step[] {
  if (!stream.trains) return tasks.map(zeroShotStep);
  const steps: Step[] = [];
  let previous: TrainStep | undefined;
  for (const [index, { name, tasks: own }] of stream.stages(tasks).entries()) {
    const stage = index + 1;
    const trained = trainStep({ method, label, stage, tasks: own, folder: `${method}/${name}`, previous });
    const asked = unseen ? tasks : tasksUpTo(stream, stage, tasks);
    steps.push(trained, ...asked.map((task) => evaluateStep(trained, task)));
    previous = trained;
  }
  return steps;
}

/** Zero-shot predictions lie in `zero-shot/<Task>.jsonl`. */
function zeroShotStep(task: TaskName): EvaluateStep {
  return {
    kind: 'evaluate',
    key: `zero-shot/${task}`,
    task,
    predictionFile: `zero-shot/${task}.jsonl`,
  };
}

function trainStep(options: {
  readonly method: MethodName;
  readonly label: string;
  readonly stage: number;
  readonly tasks: readonly TaskName[];
  readonly folder: string;
  readonly previous?: TrainStep;
}): TrainStep {
  const { method, label, stage, tasks, folder, previous } = options;
  return {
    kind: 'train',
    key: `${folder}/train`,
    method,
    label,
    stage,
    task: tasks.at(-1) as TaskName,
    tasks,
    previous,
    adapterFolder: `${folder}/adapter`,
    checkpointFolder: `${folder}/checkpoint`,
  };
}

function evaluateStep(trained: TrainStep, task: TaskName): EvaluateStep {
  const folder = dirname(trained.adapterFolder);
  return {
    kind: 'evaluate',
    key: `${folder}/evaluate/${task}`,
    task,
    trained,
    predictionFile: `${folder}/predictions/${task}.jsonl`,
  };
}
