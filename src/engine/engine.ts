// The engine of a run: a LLaVA model behind the interface of `contract.ts`. Programs are compiled once per method and
// serve every stage; only the parameters fed to them change.

import type { Catalogue } from '../config/catalogue.ts';
import { openMethod } from '../config/open-method.ts';
import type { TrainedStage } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { MethodName, RunConfig } from '../config/schema.ts';
import { featureCache } from '../config/sources.ts';
import { GateReader } from '../evaluation/generation/gate-reader.ts';
import { type GenerationStatistics, Generator, type Prompt } from '../evaluation/generation/generator.ts';
import type { Embeddings, Inference, InferenceTools, OpenMethod, Query, Route } from '../methods/method.ts';
import { createEmbeddings } from '../methods/shared/embeddings.ts';
import { idsWithInserted, withInserted } from '../methods/shared/insertion.ts';
import { tasksUpTo } from '../methods/stream.ts';
import { type FeatureCounts, ImageEncoder } from '../models/llava/image-encoder.ts';
import type { LlavaModel } from '../models/llava/model.ts';
import { LANGUAGE_MODEL } from '../models/llava/weights.ts';
import { strip } from '../tasks/python.ts';
import type { TestSample } from '../tasks/task.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import type { ProgramOptions } from '../tensor/program.ts';
import { projectorNames } from '../training/traced.ts';
import { answerSamples, aspectOf, openModel } from './answering.ts';
import { programOptions } from './base-weights.ts';
import type { EvaluateRequest, GateRequest, ObservingEngine, TrainRequest } from './contract.ts';
import { type EvaluateMeasurements, recordChoices, type TrainMeasurements } from './measurements.ts';
import { StageTraining } from './stage-training.ts';

export interface EngineOptions {
  readonly config: RunConfig;
  /** By default what the package and the configuration's plug-ins bring. */
  readonly catalogue?: Catalogue;
  /** In the llava-hf layout. */
  readonly modelFolder: string;
  /** Of one operator on the CPU; by default as many as there are cores. */
  readonly threads?: number;
  /** Told when the engine is closed where the features of its images came from. */
  readonly onClose?: (features: FeatureCounts) => void;
}

/** Samples that a method routes side by side. */
const ROUTED_AT_ONCE = 64;

type Values = ReadonlyMap<string, HostTensor>;

export async function openEngine(options: EngineOptions): Promise<ObservingEngine> {
  const { config, modelFolder, threads } = options;
  const threading = threads === undefined ? {} : { threads };
  const model = openModel(config, modelFolder);
  const { config: llava, weights, transform } = model;
  const disk = featureCache(config);
  const encoder = await ImageEncoder.open({
    config: llava,
    weights,
    transform,
    program: { provider: config.provider, ...threading },
    ...(disk === undefined ? {} : { disk }),
    memoryBytes: config.cache.memoryBytes,
  });
  return new LlavaEngine(options, model, { ...programOptions(config, model), ...threading }, encoder);
}

class LlavaEngine implements ObservingEngine {
  readonly #config: RunConfig;
  readonly #catalogue: Catalogue;
  readonly #model: LlavaModel;
  readonly #encoder: ImageEncoder;
  readonly #program: ProgramOptions;
  readonly #onClose: EngineOptions['onClose'];
  readonly #training: StageTraining;
  readonly #embeddings: Embeddings;
  #generator: { readonly method: MethodName | undefined; readonly generator: Generator } | undefined;
  #gateReader: { readonly method: MethodName; readonly reader: GateReader } | undefined;

  constructor(
    { config, catalogue = catalogueOf(config), onClose }: EngineOptions,
    model: LlavaModel,
    program: ProgramOptions,
    encoder: ImageEncoder,
  ) {
    this.#config = config;
    this.#catalogue = catalogue;
    this.#onClose = onClose;
    this.#model = model;
    this.#encoder = encoder;
    this.#embeddings = embeddingsOf(model);
    this.#program = program;
    this.#training = new StageTraining({
      config,
      catalogue,
      model,
      program: this.#program,
      projector: this.#baseProjector(),
      embeddings: this.#embeddings,
      fetchFeatures: (images) => this.#encoder.encode(images),
    });
  }

  async trainStage(request: TrainRequest): Promise<TrainMeasurements> {
    return this.#training.train(request);
  }

  async evaluate(request: EvaluateRequest): Promise<EvaluateMeasurements> {
    const started = performance.now();
    const { trained, samples, signal } = request;
    const task = this.#catalogue.tasks.get(request.task);
    const generator = await this.#generatorOf(trained?.method);
    const { parameters, route } = this.#inferenceOf(trained);
    const limit = Math.min(this.#config.evaluation.maxNewTokens, task.maxNewTokens);
    const inputIds = samples.map((sample) => this.#promptOf(sample));
    const routes = route && (await this.#routes(route, request, inputIds));
    const statistics = await answerSamples({
      model: this.#model,
      encoder: this.#encoder,
      aspect: aspectOf(this.#config, task),
      generator,
      parameters: Object.fromEntries(parameters),
      samples,
      prompts: inputIds.map((ids, i) => routedPrompt(ids, routes?.[i])),
      maxNewTokens: limit,
      predictionFile: request.predictionFile,
      alone: request.alone === true,
      signal,
      onAnswer: (done) =>
        request.onProgress({ done, total: samples.length, samplesPerSecond: done / secondsSince(started) }),
    });
    return {
      seconds: secondsSince(started),
      ...choicesOf(routes ?? [], request.task),
      ...sharesOf(statistics),
    };
  }

  async readGates(request: GateRequest): Promise<void> {
    const { task, samples, signal, onGates } = request;
    const reader = await this.#gateReaderOf(request.trained.method);
    const { parameters, route } = this.#inferenceOf(request.trained);
    const prompts = samples.map((sample) => this.#promptOf(sample));
    const routes = route && (await this.#routes(route, request, prompts));
    for (const [i, { text, answer, image }] of samples.entries()) {
      signal.throwIfAborted();
      const aspect = aspectOf(this.#config, this.#catalogue.tasks.get(task));
      const [features] = image === undefined ? [] : await this.#encoder.encode([image], { aspect });
      const { insert = [], rows } = routes?.[i] ?? {};
      const turns = [{ question: text, answer }];
      const whole = this.#model.processor.processTraining(turns, { hasImage: image !== undefined });
      const { inputIds, trained } = withInserted(whole, insert);
      const sequence = { inputIds, ...withFeatures(features), ...(rows === undefined ? {} : { rows }) };
      onGates({
        image: Uint8Array.from(inputIds, (id) => (id === this.#model.config.imageTokenId ? 1 : 0)),
        answer: trained,
        gates: await reader.read(sequence, parameters),
      });
    }
  }

  /** Where the method sends each sample; a part at a time, as it may look at the images. */
  async #routes(
    route: NonNullable<Inference['route']>,
    { trained, samples, task, signal }: Pick<EvaluateRequest, 'trained' | 'samples' | 'task' | 'signal'>,
    inputIds: readonly Int32Array[],
  ): Promise<readonly Route[]> {
    const routes: Route[] = [];
    for (let start = 0; start < samples.length; start += ROUTED_AT_ONCE) {
      signal.throwIfAborted();
      const part = samples.slice(start, start + ROUTED_AT_ONCE);
      const images = part.flatMap(({ image }) => image ?? []);
      const aspect = aspectOf(this.#config, this.#catalogue.tasks.get(task));
      const features = (await this.#encoder.encode(images, { aspect })).values();
      const queries = part.map(
        ({ text, image }, i): Query => ({
          text,
          inputIds: inputIds[start + i] as Int32Array,
          task,
          ...withFeatures(image === undefined ? undefined : features.next().value),
        }),
      );
      routes.push(...(await route(queries, this.#inferenceTools(trained?.method))));
    }
    return routes;
  }

  async close(): Promise<void> {
    await this.#training.close();
    await this.#generator?.generator.dispose();
    await this.#gateReader?.reader.dispose();
    this.#onClose?.(this.#encoder.counts);
    await this.#encoder.dispose();
  }

  async #generatorOf(method: MethodName | undefined): Promise<Generator> {
    if (this.#generator !== undefined && this.#generator.method === method) return this.#generator.generator;
    await this.#generator?.generator.dispose();
    const generator = await Generator.compile({
      config: this.#model.config,
      weights: this.#model.weights.provider(new Set(projectorNames)),
      slots: this.#config.evaluation.slots,
      program: this.#program,
      ...(method === undefined
        ? {}
        : {
            adapter: this.#open(method).graph({ use: 'inference', model: this.#model.config }),
          }),
    });
    this.#generator = { method, generator };
    return generator;
  }

  async #gateReaderOf(method: MethodName): Promise<GateReader> {
    if (this.#gateReader?.method === method) return this.#gateReader.reader;
    await this.#gateReader?.reader.dispose();
    const { config, weights } = this.#model;
    const open = this.#open(method);
    const reader = await GateReader.compile({
      config,
      weights: weights.provider(new Set(projectorNames)),
      graph: open.graph({ use: 'inference', model: config }),
      program: this.#program,
    });
    this.#gateReader = { method, reader };
    return reader;
  }

  /** What answers are given with: of a method's stage, or of the model before any training. */
  #inferenceOf(trained: TrainedStage | undefined): Inference {
    if (trained === undefined) return { parameters: this.#baseProjector() };
    const { method, stage, adapterFolder } = trained;
    const { config } = this.#model;
    const { seed, tasks: stream } = this.#config;
    const known = tasksUpTo(this.#catalogue.methods.get(method).stream, stage, stream);
    return this.#open(method).inference(this.#training.read(method, adapterFolder), {
      seed,
      stage,
      tasks: known,
      model: config,
    });
  }

  #inferenceTools(method: MethodName | undefined): InferenceTools {
    return {
      embeddings: this.#embeddings,
      generate: async (questions, parameters, maxNewTokens) => {
        const prompts = questions.map(({ text, features, rows }) => ({
          inputIds: this.#model.processor.processPrompt(text, { hasImage: features !== undefined }),
          ...withFeatures(features),
          ...(rows === undefined ? {} : { rows }),
        }));
        const generator = await this.#generatorOf(method);
        const answers = await generator.generate(prompts, Object.fromEntries(parameters), maxNewTokens);
        return answers.map((ids) => strip(this.#model.tokenizer.decode(ids)));
      },
    };
  }

  #open(method: MethodName): OpenMethod {
    return openMethod(this.#config, this.#catalogue.methods.get(method));
  }

  #promptOf({ text, image }: TestSample): Int32Array {
    return this.#model.processor.processPrompt(text, { hasImage: image !== undefined });
  }

  #baseProjector(): Values {
    return new Map(
      projectorNames.map((name) => {
        const { data, shape } = this.#model.weights.values(name);
        return [name, float32(data, shape)];
      }),
    );
  }
}

function withFeatures(features: Float32Array | undefined): { readonly features?: Float32Array } {
  return features === undefined ? {} : { features };
}

function routedPrompt(inputIds: Int32Array, { insert = [], rows }: Route = {}): Prompt {
  return { inputIds: idsWithInserted(inputIds, insert), rows };
}

/** Made when a method first asks, as it reads the whole table of words. */
function embeddingsOf({ config, weights, tokenizer }: LlavaModel): Embeddings {
  let made: Embeddings | undefined;
  const get = () => {
    made ??= createEmbeddings({
      table: weights.values(`${LANGUAGE_MODEL}.embed_tokens.weight`).data,
      hiddenSize: config.text.hiddenSize,
      visionSize: config.vision.hiddenSize,
      tokenize: (text) => tokenizer.encode(text, { first: true }),
    });
    return made;
  };
  return { image: (features) => get().image(features), text: (text) => get().text(text) };
}

/** How often each task's expert was chosen, where the method chooses one. */
function choicesOf(routes: readonly Route[], task: string) {
  const chosen = routes.flatMap(({ choice }) => (choice === undefined ? [] : [choice]));
  if (chosen.length === 0) return {};
  const count = (name: string) => chosen.filter((choice) => choice === name).length;
  const to = Object.fromEntries([...new Set(chosen)].sort().map((name) => [name, count(name)]));
  return recordChoices({ routed: chosen.length, right: count(task), to });
}

function sharesOf(statistics: GenerationStatistics | undefined) {
  if (statistics === undefined) return {};
  const { promptTokens, sharedTokens, computedTokens, usefulTokens } = statistics;
  return { paddingShare: 1 - usefulTokens / computedTokens, sharedShare: sharedTokens / promptTokens };
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
