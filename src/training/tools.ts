// What a method may compute with the model while it trains: the tools of one stage, bound to its trainer.
import type {
  BatchExample,
  Embeddings,
  Example,
  ExtraTraining,
  StreamSample,
  TrainingTools,
  Values,
} from '../methods/method.ts';
import type { ModelWeights } from '../models/weights.ts';
import type { TrainSample } from '../tasks/task.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { hashText } from '../tensor/random.ts';
import { chunks } from './batching.ts';
import type { Course, TrainingSettings } from './course.ts';
import { type FetchFeatures, withFeatures } from './feature-batches.ts';
import type { Probes } from './probes.ts';

/** What only the caller of the trainer can give. */
export interface StageSupplies {
  readonly samplesOf: (task: string) => readonly TrainSample[];
  readonly tokenize: (samples: readonly StreamSample[]) => Promise<readonly Example[]>;
  readonly embeddings: Embeddings;
  /** Features of image files. */
  readonly fetchFeatures: FetchFeatures;
}

interface StageToolsOptions extends StageSupplies {
  readonly seed: number;
  readonly stage: number;
  readonly signal?: AbortSignal;
  readonly weights: ModelWeights;
  readonly probes: Probes;
  readonly settings: TrainingSettings;
  readonly initialise: (seed: number) => Values;
  readonly train: (course: Course) => Promise<Values>;
}

/** Examples of one program run when gradients are added up. */
const PROBE_BATCH = 8;

export class StageTools implements TrainingTools {
  readonly #options: StageToolsOptions;

  constructor(options: StageToolsOptions) {
    this.#options = options;
  }

  get embeddings(): Embeddings {
    return this.#options.embeddings;
  }

  samplesOf(task: string): readonly TrainSample[] {
    return this.#options.samplesOf(task);
  }

  fresh(variation = 0): Values {
    return this.#options.initialise((this.#options.seed + variation * 0x9e3779b9) >>> 0);
  }

  batches(examples: readonly Example[], size: number): AsyncIterable<readonly BatchExample[]> {
    return withFeatures(chunks(examples, size), this.#options.fetchFeatures);
  }

  async gradients(batch: readonly BatchExample[], values: Values, feeds?: Values): Promise<Values> {
    this.#options.signal?.throwIfAborted();
    return this.#options.probes.gradients(batch, values, feeds ?? new Map());
  }

  async weightGradients(examples: readonly Example[], values: Values, feeds?: Values): Promise<Values> {
    let total: Values = new Map();
    for await (const batch of this.batches(examples, PROBE_BATCH)) {
      this.#options.signal?.throwIfAborted();
      total = added(total, await this.#options.probes.weightGradients(batch, values, feeds ?? new Map()));
    }
    return total;
  }

  async logits(batch: readonly BatchExample[], values: Values, feeds?: Values): Promise<HostTensor> {
    return this.#options.probes.logits(batch, values, feeds ?? new Map());
  }

  async gates(batch: readonly BatchExample[], values: Values, feeds?: Values): Promise<Values> {
    return this.#options.probes.gates(batch, values, feeds ?? new Map());
  }

  async train({ purpose, examples, initial, feeds, ...changes }: ExtraTraining): Promise<Values> {
    const { seed, stage, signal, settings, fetchFeatures } = this.#options;
    return this.#options.train({
      examples,
      plan: { initial, feeds },
      seed: (seed ^ hashText(purpose)) >>> 0,
      stage,
      fetchFeatures,
      settings: { ...settings, ...changes },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async tokenize(samples: readonly StreamSample[]): Promise<readonly Example[]> {
    return this.#options.tokenize(samples);
  }

  weight(name: string): HostTensor {
    const { data, shape } = this.#options.weights.values(`${name}.weight`);
    return float32(data, shape);
  }
}

function added(total: Values, more: Values): Values {
  return new Map(
    [...more].map(([name, { data, shape }]) => {
      const before = total.get(name)?.data;
      return [
        name,
        float32(
          (data as Float32Array).map((value, i) => value + (before?.[i] ?? 0)),
          shape,
        ),
      ];
    }),
  );
}
