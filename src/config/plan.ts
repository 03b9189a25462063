// The steps of a run in order, and where each leaves its files. Nothing is executed here.
// Zero-shot evaluations come first and are shared by the methods; then each method goes through the stream its own way.
import { join } from 'node:path';
import { dirname } from 'node:path/posix';
import { methods, type Stream } from '../methods/index.ts';
import type { TaskName } from '../tasks/index.ts';
import type { MethodName, RunConfig } from './schema.ts';

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

interface PlanConfig extends Pick<RunConfig, 'tasks' | 'methods'> {
  readonly evaluation: Pick<RunConfig['evaluation'], 'zeroShot' | 'unseen'>;
}

/**
 * Every step of a run: with T tasks, T zero-shot evaluations and, per method with a stream, T trainings and T(T+1)/2
 * evaluations; T² where unseen tasks are evaluated too. A method whose model does not change over the stream is evaluated
 * once.
 */
export function planRun({ tasks, methods: names, evaluation }: PlanConfig): readonly Step[] {
  const zeroShot = evaluation.zeroShot ? tasks.map(zeroShotStep) : [];
  const steps = names.flatMap((method) => stepsOf[methods[method].stream](method, tasks, evaluation.unseen));
  // Zero-shot evaluations are asked for by the run and by the method that is nothing else.
  return [...new Map([...zeroShot, ...steps].map((step) => [step.key, step])).values()];
}

/**
 * The evaluations behind each row of a method's matrix: every task seen after each stage, and unseen ones where they
 * were evaluated. Where the model does not change over the stream, an evaluation stands in every row.
 */
export function matrixRows(
  method: MethodName,
  steps: readonly Step[],
  tasks: readonly TaskName[],
): readonly (readonly EvaluateStep[])[] {
  const { stream } = methods[method];
  const own = steps.filter(
    (step): step is EvaluateStep =>
      step.kind === 'evaluate' && step.trained?.method === (stream === 'untrained' ? undefined : method),
  );
  return tasks.map((_, index) => {
    const seen = tasks.slice(0, index + 1);
    return stream === 'sequential'
      ? own.filter(({ trained }) => trained?.stage === index + 1)
      : own.filter(({ task }) => seen.includes(task));
  });
}

/** The method whose model a step trains or asks; undefined for zero-shot evaluations, which are nobody's. */
export function methodOf(step: Step): MethodName | undefined {
  return step.kind === 'train' ? step.method : step.trained?.method;
}

/** The tasks that a stage (counted from 1) of a method may know of: those up to it. */
export function tasksUpTo(
  method: MethodName,
  stage: number,
  tasks: readonly TaskName[],
): readonly TaskName[] {
  return methods[method].stream === 'joint' ? tasks : tasks.slice(0, stage);
}

const stepsOf: {
  readonly [S in Stream]: (
    method: MethodName,
    tasks: readonly TaskName[],
    unseen: boolean,
  ) => readonly Step[];
} = {
  untrained: (_, tasks) => tasks.map(zeroShotStep),
  joint: (method, tasks) => {
    const trained = trainStep({ method, stage: 1, tasks, folder: `${method}/all` });
    return [trained, ...tasks.map((task) => evaluateStep(trained, task))];
  },
  sequential: (method, tasks, unseen) => {
    const steps: Step[] = [];
    let previous: TrainStep | undefined;
    for (const [index, task] of tasks.entries()) {
      const stage = index + 1;
      const folder = `${method}/${stage}-${task}`;
      const trained = trainStep({ method, stage, tasks: [task], folder, previous });
      steps.push(
        trained,
        ...(unseen ? tasks : tasks.slice(0, stage)).map((task) => evaluateStep(trained, task)),
      );
      previous = trained;
    }
    return steps;
  },
};

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
  readonly stage: number;
  readonly tasks: readonly TaskName[];
  readonly folder: string;
  readonly previous?: TrainStep;
}): TrainStep {
  const { method, stage, tasks, folder, previous } = options;
  return {
    kind: 'train',
    key: `${folder}/train`,
    method,
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
