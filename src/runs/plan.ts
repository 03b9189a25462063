// The steps of a run in order, and where each leaves its files. Nothing is executed here.
// Zero-shot evaluations come first and are shared by the methods; then each method goes through the stream.
import type { TaskName } from '../tasks/index.ts';
import type { MethodName, RunConfig } from './config-schema.ts';

/** Trains `task` as stage `stage` (counted from 1) of a method. */
export interface TrainStep {
  readonly kind: 'train';
  /** e.g. `lora/3-ImageNet/train`. */
  readonly key: string;
  readonly method: MethodName;
  readonly stage: number;
  readonly task: TaskName;
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

/** Every step of a run: with T tasks, T zero-shot evaluations and, per method, T trainings and T(T+1)/2 evaluations. */
export function planRun({
  tasks,
  methods,
  evaluation,
}: Pick<RunConfig, 'tasks' | 'methods' | 'evaluation'>): readonly Step[] {
  const zeroShot = evaluation.zeroShot ? tasks.map(zeroShotStep) : [];
  return [...zeroShot, ...methods.flatMap((method) => planMethod(method, tasks))];
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

function planMethod(method: MethodName, tasks: readonly TaskName[]): readonly Step[] {
  const steps: Step[] = [];
  let previous: TrainStep | undefined;
  for (const [index, task] of tasks.entries()) {
    const stage = index + 1;
    const folder = `${method}/${stage}-${task}`;
    const trained: TrainStep = {
      kind: 'train',
      key: `${folder}/train`,
      method,
      stage,
      task,
      previous,
      adapterFolder: `${folder}/adapter`,
      checkpointFolder: `${folder}/checkpoint`,
    };
    steps.push(trained);
    for (const seen of tasks.slice(0, stage)) {
      steps.push({
        kind: 'evaluate',
        key: `${folder}/evaluate/${seen}`,
        task: seen,
        trained,
        predictionFile: `${folder}/predictions/${seen}.jsonl`,
      });
    }
    previous = trained;
  }
  return steps;
}
