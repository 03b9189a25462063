// Training on one task: what the method begins with, optimiser steps over its stream, what the method leaves behind.
// Knows nothing of files; which method it has it does not ask.
import type {
  BatchExample,
  Example,
  OpenMethod,
  StageState,
  TaskContext,
  TaskPlan,
  Values,
} from '../methods/method.ts';
import { ownAlongside } from '../models/model-adapter.ts';
import { learningRateFactor } from '../nn/schedule.ts';
import { float32, type HostTensor, int32 } from '../tensor/dtype.ts';
import type { ProgramOptions } from '../tensor/program.ts';
import { RandomStream } from '../tensor/random.ts';
import { batchOptions, countAnswers, trainingBatch } from './batches.ts';
import { planSteps } from './batching.ts';
import type { Course, TrainingSettings } from './course.ts';
import { withFeatures } from './feature-batches.ts';
import { Learner, type LearnerState, type Parameter } from './learner.ts';
import { Probes, type TrainedModel } from './probes.ts';
import { type StageSupplies, StageTools } from './tools.ts';
import { traceTraining } from './traced.ts';

export interface StageRequest
  extends StageSupplies,
    Pick<Course, 'resume' | 'signal' | 'onCheckpoint' | 'onStep'> {
  /** The stream of the task. */
  readonly examples: readonly Example[];
  readonly seed: number;
  /** 1-based; with the seed it decides order and dropout. */
  readonly stage: number;
  readonly task: string;
  /** The tasks up to this stage, in training order. */
  readonly tasks: readonly string[];
  /** What the stage before left behind. */
  readonly previous?: StageState;
}

export interface StageResult {
  readonly state: StageState;
  /** Values after the last step, by name; the plan has those before the first. */
  readonly trained: Values;
  readonly plan: TaskPlan;
  readonly steps: number;
  /** Mean loss over the last tenth of the steps. */
  readonly finalLoss: number;
}

interface TrainerParts {
  readonly model: TrainedModel;
  readonly open: OpenMethod;
  readonly settings: TrainingSettings;
  readonly learner: Learner;
  readonly probes: Probes;
  /** What trains, and what of the projector is fed and stays. */
  readonly parameters: readonly Parameter[];
  readonly initialise: (seed: number) => Values;
}

/** A model with its method, compiled once and trained stage after stage. */
export class StageTrainer {
  private constructor(private readonly parts: TrainerParts) {}

  static async compile(options: {
    readonly model: TrainedModel;
    readonly open: OpenMethod;
    readonly settings: TrainingSettings;
    readonly program?: ProgramOptions;
  }): Promise<StageTrainer> {
    const { model, open, settings, program = {} } = options;
    const { loss, graph, trained } = traceTraining({ model, open });
    const initialise = (seed: number): Values =>
      new Map([
        ...[...graph.parameters.values()].map((p) => [p.name, float32(p.initialise(seed), p.shape)] as const),
        ...ownAlongside(model),
      ]);
    const values = initialise(0);
    const parameters = [...trained].map(
      ([name, tensor]): Parameter => ({
        name,
        tensor,
        group: model.shape.alongside.has(name) ? 'projector' : 'adapter',
        values: values.get(name)?.data as Float32Array,
      }),
    );
    const learner = await Learner.compile({
      loss,
      parameters,
      optimizer: settings,
      recompute: settings.recompute ?? false,
      program,
    });
    const probes = new Probes({ model, open, program });
    return new StageTrainer({ model, open, settings, learner, probes, parameters, initialise });
  }

  /** Trainable numbers in all. */
  get trainableParameters(): number {
    return this.parts.parameters.reduce((total, { values }) => total + values.length, 0);
  }

  get probes(): Probes {
    return this.parts.probes;
  }

  /** Trains on one task. Throws the signal's reason when it is aborted between two steps. */
  async train(request: StageRequest): Promise<StageResult> {
    const { open, model, probes, initialise } = this.parts;
    const { seed, stage, task, tasks, examples, previous } = request;
    const settings = settingsOfTask(this.parts.settings, task);
    const tools = new StageTools({
      ...request,
      weights: model.weights,
      probes,
      initialise,
      train: (course) => this.#course(course).then(({ values }) => values),
      settings,
    });
    const context: TaskContext = {
      seed,
      stage,
      task,
      tasks,
      examples,
      model: model.shape,
      tools,
      previous,
    };
    const plan = await open.beginTask(context);
    const { values, steps, finalLoss } = await this.#course({
      ...request,
      examples: plan.examples ?? examples,
      plan,
      settings,
    });
    return { state: await open.finishTask(context, values, plan), trained: values, plan, steps, finalLoss };
  }

  async dispose(): Promise<void> {
    await this.parts.learner.dispose();
    await this.parts.probes.dispose();
  }

  async #course(course: Course): Promise<{ values: Values; steps: number; finalLoss: number }> {
    const { learner, parameters, model } = this.parts;
    const { examples, plan, seed, stage, settings, signal } = course;
    const names = new Set(parameters.map(({ name }) => name));
    // What does not train is fed: the projector of a method that leaves it alone.
    const still = [...plan.initial].filter(([name]) => !names.has(name));
    const constant = Object.fromEntries([...still, ...(plan.feeds ?? [])]);
    learner.restore(course.resume ?? freshState([...plan.initial].filter(([name]) => names.has(name))));
    const steps = planSteps({
      ...settings,
      lengths: examples.map(({ inputIds }) => inputIds.length),
      seed,
      stage,
    });
    const schedule = {
      name: settings.schedule,
      steps: steps.length,
      warmupSteps: Math.ceil(steps.length * settings.warmupRatio),
    };
    const losses: number[] = [];
    const left = steps
      .slice(learner.step)
      .map(({ batches }) => batches.map((batch) => batch.map((index) => examples[index] as Example)));
    const fetched = withFeatures(left.flat(), course.fetchFeatures);
    for (const batches of left) {
      signal?.throwIfAborted();
      const step = learner.step;
      let loss = 0;
      const totalAnswers = batches.reduce((total, batch) => total + countAnswers(batch), 0);
      for (const micro of batches.keys()) {
        const batch = (await fetched.next()).value as readonly BatchExample[];
        const dropoutKey = int32([dropoutKeyOf(seed, stage, step, micro)], []);
        const feeds = trainingBatch(batch, { ...batchOptions(model), totalAnswers });
        const own = Object.fromEntries((await plan.batchFeeds?.(batch)) ?? []);
        loss += await learner.accumulate({ ...constant, ...feeds, ...own, dropoutKey });
      }
      const factor = learningRateFactor(schedule, step);
      await learner.apply({
        adapter: settings.learningRate * factor,
        projector: settings.projectorLearningRate * factor,
      });
      if (plan.afterStep !== undefined) await replaceParameters(learner, plan.afterStep);
      losses.push(loss);
      course.onStep?.({
        step: step + 1,
        steps: steps.length,
        loss,
        samples: batches.reduce((n, batch) => n + batch.length, 0),
      });
      const due = (step + 1) % settings.checkpointEverySteps === 0 && step + 1 < steps.length;
      if (due && course.onCheckpoint !== undefined) course.onCheckpoint(await learner.state());
    }
    const last = losses.slice(-Math.max(1, Math.ceil(steps.length / 10)));
    return {
      values: new Map([...Object.entries((await learner.state()).parameters), ...still]),
      steps: steps.length,
      finalLoss: last.reduce((a, b) => a + b, 0) / last.length,
    };
  }
}

/** The batch size is the task's own where it has one. */
function settingsOfTask(settings: TrainingSettings, task: string): TrainingSettings {
  return { ...settings, batchSize: settings.taskBatchSizes?.[task] ?? settings.batchSize };
}

async function replaceParameters(learner: Learner, change: (parameters: Values) => Values): Promise<void> {
  const state = await learner.state();
  const changed = change(new Map(Object.entries(state.parameters)));
  learner.restore({ ...state, parameters: { ...state.parameters, ...Object.fromEntries(changed) } });
}

function freshState(values: readonly (readonly [string, HostTensor])[]): LearnerState {
  const zeros = () =>
    Object.fromEntries(
      values.map(([name, { shape, data }]) => [name, float32(new Float32Array(data.length), shape)]),
    );
  return { step: 0, parameters: Object.fromEntries(values), firstMoments: zeros(), secondMoments: zeros() };
}

function dropoutKeyOf(seed: number, stage: number, step: number, micro: number): number {
  return new RandomStream(seed, `dropout of stage ${stage}, batch ${micro}`, step).uint32() | 0;
}
