// Training on one task: the adapter and the projector go on from the stage before, with a fresh optimiser and schedule.
import { type Adapter, type AdapterSpec, createAdapter } from '../adapters/index.ts';
import type { LlavaConfig } from '../models/llava/config.ts';
import { type LlavaWeights, PROJECTOR } from '../models/llava/weights.ts';
import { learningRateFactor, type ScheduleName } from '../nn/schedule.ts';
import { Scope, type WeightProvider } from '../nn/scope.ts';
import { float32, type HostTensor, int32 } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input } from '../tensor/ops.ts';
import type { Provider } from '../tensor/program.ts';
import { RandomStream } from '../tensor/random.ts';
import { batchOptions, countAnswers, type TokenizedSample, trainingBatch } from './batches.ts';
import { planSteps } from './batching.ts';
import { Learner, type LearnerState, type Parameter } from './learner.ts';
import { instructionLoss } from './loss.ts';

export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly accumulation: number;
  readonly learningRate: number;
  readonly projectorLearningRate: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly schedule: ScheduleName;
  readonly warmupRatio: number;
  readonly clipNorm: number;
  readonly checkpointEverySteps: number;
}

export interface StageRequest {
  readonly samples: readonly TokenizedSample[];
  readonly seed: number;
  /** 1-based; with the seed it decides order and dropout. */
  readonly stage: number;
  /** Values to go on from: the stage before, or nothing for a fresh adapter on the base model's projector. */
  readonly previous?: ReadonlyMap<string, HostTensor>;
  readonly resume?: LearnerState;
  readonly signal?: AbortSignal;
  readonly onCheckpoint?: (state: LearnerState) => void;
  readonly onStep?: (progress: {
    readonly step: number;
    readonly steps: number;
    readonly loss: number;
    readonly samples: number;
  }) => void;
}

export interface StageResult {
  /** Adapter and projector, by canonical name. */
  readonly values: ReadonlyMap<string, HostTensor>;
  readonly steps: number;
  /** Mean loss over the last tenth of the steps. */
  readonly finalLoss: number;
}

/** Names of the projector's weights, which train along with every adapter. */
export const projectorNames: readonly string[] = ['linear_1', 'linear_2'].flatMap((layer) =>
  ['weight', 'bias'].map((part) => `${PROJECTOR}.${layer}.${part}`),
);

/** The loss of a model with its adapter, and the tensors that train: the adapter's parameters and the projector. */
export function traceTraining(
  config: LlavaConfig,
  weights: LlavaWeights,
  spec: AdapterSpec,
): { readonly loss: Tensor; readonly adapter: Adapter; readonly projector: ReadonlyMap<string, Tensor> } {
  const adapter = createAdapter(spec, spec.dropout > 0 ? input('dropoutKey', 'int32', []) : undefined);
  const projector = new Map<string, Tensor>();
  const frozen = weights.provider(new Set(projectorNames));
  const provider: WeightProvider = (name, shape) => {
    const tensor = frozen(name, shape);
    if (projectorNames.includes(name)) projector.set(name, tensor);
    return tensor;
  };
  return { loss: instructionLoss(new Scope(provider, '', adapter), config), adapter, projector };
}

/** A model with its adapter, compiled once and trained stage after stage. */
export class StageTrainer {
  private constructor(
    readonly config: LlavaConfig,
    readonly settings: TrainingSettings,
    private readonly learner: Learner,
    private readonly parameters: readonly Parameter[],
    private readonly initialise: (seed: number) => ReadonlyMap<string, HostTensor>,
  ) {}

  static async compile(options: {
    readonly config: LlavaConfig;
    readonly weights: LlavaWeights;
    readonly adapter: AdapterSpec;
    readonly settings: TrainingSettings;
    readonly provider?: Provider;
  }): Promise<StageTrainer> {
    const { config, weights, settings } = options;
    const { loss, adapter, projector: trained } = traceTraining(config, weights, options.adapter);
    const initialise = (seed: number): ReadonlyMap<string, HostTensor> =>
      new Map([
        ...[...adapter.parameters.values()].map(
          (p) => [p.name, float32(p.initialise(seed), p.shape)] as const,
        ),
        ...[...trained.keys()].map((name) => {
          const { data, shape } = weights.values(name);
          return [name, float32(data, shape)] as const;
        }),
      ]);
    const values = initialise(0);
    const parameter =
      (group: string) =>
      (name: string, tensor: Parameter['tensor']): Parameter => ({
        name,
        tensor,
        group,
        values: values.get(name)?.data as Float32Array,
      });
    const parameters = [
      ...[...adapter.parameters.values()].map(({ name, tensor }) => parameter('adapter')(name, tensor)),
      ...[...trained].map(([name, tensor]) => parameter('projector')(name, tensor)),
    ];
    const learner = await Learner.compile({
      loss,
      parameters,
      optimizer: settings,
      ...(options.provider === undefined ? {} : { provider: options.provider }),
    });
    return new StageTrainer(config, settings, learner, parameters, initialise);
  }

  /** Trainable numbers in all. */
  get trainableParameters(): number {
    return this.parameters.reduce((total, { values }) => total + values.length, 0);
  }

  /** Trains on one task. Throws the signal's reason when it is aborted between two steps. */
  async train(request: StageRequest): Promise<StageResult> {
    const { samples, seed, stage, signal } = request;
    const { settings, learner } = this;
    learner.restore(request.resume ?? freshState(request.previous ?? this.initialise(seed)));
    const plan = planSteps({
      ...settings,
      lengths: samples.map(({ inputIds }) => inputIds.length),
      seed,
      stage,
    });
    const schedule = {
      name: settings.schedule,
      steps: plan.length,
      warmupSteps: Math.ceil(plan.length * settings.warmupRatio),
    };
    const losses: number[] = [];
    for (let step = learner.step; step < plan.length; step++) {
      signal?.throwIfAborted();
      const batches = (plan[step]?.batches ?? []).map((batch) =>
        batch.map((index) => samples[index] as TokenizedSample),
      );
      let loss = 0;
      const totalAnswers = batches.reduce((total, batch) => total + countAnswers(batch), 0);
      for (const [micro, batch] of batches.entries()) {
        const dropoutKey = int32([dropoutKeyOf(seed, stage, step, micro)], []);
        const feeds = trainingBatch(batch, { ...batchOptions(this.config), totalAnswers });
        loss += await learner.accumulate({ ...feeds, dropoutKey });
      }
      const factor = learningRateFactor(schedule, step);
      await learner.apply({
        adapter: settings.learningRate * factor,
        projector: settings.projectorLearningRate * factor,
      });
      losses.push(loss);
      request.onStep?.({
        step: step + 1,
        steps: plan.length,
        loss,
        samples: batches.reduce((n, batch) => n + batch.length, 0),
      });
      const due = (step + 1) % settings.checkpointEverySteps === 0 && step + 1 < plan.length;
      if (due && request.onCheckpoint !== undefined) request.onCheckpoint(await learner.state());
    }
    const { parameters } = await learner.state();
    const last = losses.slice(-Math.max(1, Math.ceil(plan.length / 10)));
    return {
      values: new Map(Object.entries(parameters)),
      steps: plan.length,
      finalLoss: last.reduce((a, b) => a + b, 0) / last.length,
    };
  }

  async dispose(): Promise<void> {
    await this.learner.dispose();
  }
}

function freshState(values: ReadonlyMap<string, HostTensor>): LearnerState {
  const parameters = Object.fromEntries(values);
  const zeros = () =>
    Object.fromEntries(
      [...values].map(([name, { shape, data }]) => [name, float32(new Float32Array(data.length), shape)]),
    );
  return { step: 0, parameters, firstMoments: zeros(), secondMoments: zeros() };
}

function dropoutKeyOf(seed: number, stage: number, step: number, micro: number): number {
  return new RandomStream(seed, `dropout of stage ${stage}, batch ${micro}`, step).uint32() | 0;
}
