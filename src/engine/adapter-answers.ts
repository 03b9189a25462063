// Answers to test samples by a model with an adapter that is at hand as values, whatever it came from. A run's stages are
// answered by `engine.ts`, in their methods' own way.

import { rmSync } from 'node:fs';
import { type AdapterSpec, createAdapter } from '../adapters/index.ts';
import type { TensorValues } from '../adapters/peft.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { Generator } from '../evaluation/generation/generator.ts';
import { ImageEncoder } from '../models/image-encoder.ts';
import type { Family, ModelShape, OpenModel } from '../models/index.ts';
import { layoutsOf } from '../models/layouts.ts';
import { openModelAdapter, ownAlongside } from '../models/model-adapter.ts';
import { readPartialPredictions, writePredictions } from '../tasks/predictions.ts';
import type { Task, TestSample } from '../tasks/task.ts';
import { answerSamples, aspectOf, openRunModel } from './answering.ts';
import { programOptions } from './base-weights.ts';
import { featureCache } from './feature-cache.ts';

export interface AnsweringAdapter {
  readonly spec: AdapterSpec;
  /** The adapter's values, and those of what trains alongside where they are not the model's. */
  readonly values: TensorValues;
}

export interface AnswerRequest {
  /** Without it the model answers by itself. */
  readonly adapted?: AnsweringAdapter;
  readonly task: Task;
  readonly samples: readonly TestSample[];
  /** There whole or not at all. */
  readonly predictionFile: string;
  readonly signal?: AbortSignal;
  readonly onAnswer?: (done: number) => void;
}

export class AdapterAnswers {
  readonly #config: RunConfig;
  readonly #model: OpenModel;
  readonly #encoder: ImageEncoder;
  /** The model's own values of what trains alongside. */
  readonly alongside: TensorValues;
  #generator: { readonly spec: string; readonly generator: Generator } | undefined;

  private constructor(config: RunConfig, model: OpenModel, encoder: ImageEncoder) {
    this.#config = config;
    this.#model = model;
    this.#encoder = encoder;
    this.alongside = ownAlongside(model);
  }

  get shape(): ModelShape {
    return this.#model.shape;
  }

  /** `config` says how many slots and tokens; what it says of training plays no part. */
  static async open(
    config: RunConfig,
    modelFolder: string,
    families: Iterable<Family> = catalogueOf(config).families,
  ): Promise<AdapterAnswers> {
    const model = openRunModel(config, modelFolder, families);
    const disk = featureCache(config);
    const encoder = await ImageEncoder.open({
      model,
      program: { provider: config.provider },
      memoryBytes: config.cache.memoryBytes,
      disk,
    });
    return new AdapterAnswers(config, model, encoder);
  }

  async answer({ adapted, task, samples, predictionFile, signal, onAnswer }: AnswerRequest): Promise<void> {
    const partialFile = `${predictionFile}.partial`;
    rmSync(partialFile, { force: true });
    const aspect = aspectOf(this.#config, task);
    const layouts = await layoutsOf(this.#model, samples, aspect);
    await answerSamples({
      model: this.#model,
      encoder: this.#encoder,
      aspect,
      generator: await this.#generatorOf(adapted?.spec),
      // Another object for each task, so that nothing is kept of images that were fitted otherwise.
      parameters: Object.fromEntries([...this.alongside, ...(adapted?.values ?? [])]),
      samples,
      prompts: samples.map(({ text }, i) =>
        this.#model.prompts.ask(text, { image: layouts[i], task: task.name }),
      ),
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
    const generator = await Generator.compile({
      model: this.#model,
      slots: this.#config.evaluation.slots,
      program: await programOptions(this.#config, this.#model),
      adapter: spec && createAdapter(spec, this.#model.shape.adaptable),
    });
    this.#generator = { spec: key, generator };
    return generator;
  }

  /** An adapter's folder as `answer` takes it. @throws UserError naming what of it does not fit the model. */
  read(folder: string): AnsweringAdapter {
    const { spec, values, alongside } = openModelAdapter(this.#model, folder);
    return { spec, values: new Map([...values, ...alongside]) };
  }
}
