// Answers to test samples by a model with an adapter that is at hand as values, whatever it came from. A run's stages are
// answered by `engine.ts`, in their methods' own way.
import { rmSync } from 'node:fs';
import { type AdapterSpec, createAdapter } from '../adapters/index.ts';
import type { TensorValues } from '../adapters/peft.ts';
import type { RunConfig } from '../config/schema.ts';
import { featureCache } from '../config/sources.ts';
import { Generator } from '../evaluation/generation/generator.ts';
import { ImageEncoder } from '../models/llava/image-encoder.ts';
import type { LlavaModel } from '../models/llava/model.ts';
import { readPartialPredictions, writePredictions } from '../tasks/predictions.ts';
import type { Task, TestSample } from '../tasks/task.ts';
import { float32 } from '../tensor/dtype.ts';
import { projectorNames } from '../training/traced.ts';
import { answerSamples, aspectOf, openModel } from './answering.ts';
import { programOptions } from './base-weights.ts';

export interface AdaptedModel {
  readonly spec: AdapterSpec;
  /** Of the adapter, and of the projector where it is another than the model's. */
  readonly values: TensorValues;
}

export interface AnswerRequest {
  /** Without it the model answers by itself. */
  readonly adapted?: AdaptedModel;
  readonly task: Task;
  readonly samples: readonly TestSample[];
  /** There whole or not at all. */
  readonly predictionFile: string;
  readonly signal?: AbortSignal;
  readonly onAnswer?: (done: number) => void;
}

export class AdapterAnswers {
  readonly #config: RunConfig;
  readonly #model: LlavaModel;
  readonly #encoder: ImageEncoder;
  /** The model's own. */
  readonly projector: TensorValues;
  #generator: { readonly spec: string; readonly generator: Generator } | undefined;

  private constructor(config: RunConfig, model: LlavaModel, encoder: ImageEncoder) {
    this.#config = config;
    this.#model = model;
    this.#encoder = encoder;
    this.projector = new Map(
      projectorNames.map((name) => {
        const { data, shape } = model.weights.values(name);
        return [name, float32(data, shape)] as const;
      }),
    );
  }

  /** `config` says how many slots and tokens; what it says of training plays no part. */
  static async open(config: RunConfig, modelFolder: string): Promise<AdapterAnswers> {
    const model = openModel(config, modelFolder);
    const disk = featureCache(config);
    const encoder = await ImageEncoder.open({
      config: model.config,
      weights: model.weights,
      transform: model.transform,
      program: { provider: config.provider },
      memoryBytes: config.cache.memoryBytes,
      disk,
    });
    return new AdapterAnswers(config, model, encoder);
  }

  async answer({ adapted, task, samples, predictionFile, signal, onAnswer }: AnswerRequest): Promise<void> {
    const partialFile = `${predictionFile}.partial`;
    rmSync(partialFile, { force: true });
    await answerSamples({
      model: this.#model,
      encoder: this.#encoder,
      aspect: aspectOf(this.#config, task),
      generator: await this.#generatorOf(adapted?.spec),
      // Another object for each task, so that nothing is kept of images that were fitted otherwise.
      parameters: Object.fromEntries([...this.projector, ...(adapted?.values ?? [])]),
      samples,
      prompts: samples.map(({ text, image }) => ({
        inputIds: this.#model.processor.processPrompt(text, { hasImage: image !== undefined }),
      })),
      maxNewTokens: Math.min(this.#config.evaluation.maxNewTokens, task.maxNewTokens),
      predictionFile: partialFile,
      ...(onAnswer === undefined ? {} : { onAnswer }),
      ...(signal === undefined ? {} : { signal }),
    });
    writePredictions(predictionFile, samples, readPartialPredictions(partialFile));
    rmSync(partialFile, { force: true });
  }

  async close(): Promise<void> {
    await this.#generator?.generator.dispose();
    await this.#encoder.dispose();
  }

  /** Adapters of one shape share a program; only the values fed to it differ. */
  async #generatorOf(spec: AdapterSpec | undefined): Promise<Generator> {
    const key = JSON.stringify(spec ?? null);
    if (this.#generator?.spec === key) return this.#generator.generator;
    await this.#generator?.generator.dispose();
    this.#generator = undefined;
    const { config, weights } = this.#model;
    const generator = await Generator.compile({
      config,
      weights: weights.provider(new Set(projectorNames)),
      slots: this.#config.evaluation.slots,
      program: await programOptions(this.#config, this.#model),
      ...(spec === undefined ? {} : { adapter: createAdapter(spec) }),
    });
    this.#generator = { spec: key, generator };
    return generator;
  }
}
