// The engine of a run: a model of any family behind the interface of `contract.ts`. Opens what the run's configuration names and
// writes predictions and measurements; how a method trains and answers is the driver's matter.
import { secondsSince } from '../base/small.ts';
import type { Catalogue } from '../config/catalogue.ts';
import { openMethod } from '../config/open-method.ts';
import type { TrainedStage } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { MethodName, RunConfig } from '../config/schema.ts';
import { GateReader } from '../evaluation/generation/gate-reader.ts';
import type { GenerationStatistics } from '../evaluation/generation/generator.ts';
import type { Route } from '../methods/method.ts';
import { withInserted } from '../methods/shared/insertion.ts';
import { type FeatureCounts, ImageEncoder } from '../models/image-encoder.ts';
import type { OpenModel } from '../models/index.ts';
import { layoutsOf } from '../models/layouts.ts';
import type { ProgramOptions } from '../tensor/program.ts';
import { answerSamples, aspectOf, openRunModel } from './answering.ts';
import { programOptions } from './base-weights.ts';
import type { EvaluateRequest, GateRequest, ObservingEngine, TrainRequest } from './contract.ts';
import { featureCache } from './feature-cache.ts';
import { type EvaluateMeasurements, recordChoices, type TrainMeasurements } from './measurements.ts';
import { type Asked, type DrivenMethod, type DrivenStage, MethodDriver } from './method-driver.ts';
import { trainStage } from './stage-training.ts';

export interface EngineOptions {
  readonly config: RunConfig;
  /** By default what the package and the configuration's plug-ins bring. */
  readonly catalogue?: Catalogue;
  /** A folder of any family that is known. */
  readonly modelFolder: string;
  /** Threads of one operator on the CPU; by default as many as there are cores. */
  readonly threads?: number;
  /** Told when the engine is closed where the features of its images came from. */
  readonly onClose?: (features: FeatureCounts) => void;
}

export async function openEngine(options: EngineOptions): Promise<ObservingEngine> {
  const { config, catalogue = catalogueOf(config), modelFolder, threads } = options;
  const threading = threads === undefined ? {} : { threads };
  const model = openRunModel(config, modelFolder, catalogue.families);
  const disk = featureCache(config);
  const encoder = await ImageEncoder.open({
    model,
    program: { provider: config.provider, ...threading },
    ...(disk === undefined ? {} : { disk }),
    memoryBytes: config.cache.memoryBytes,
  });
  const program = { ...(await programOptions(config, model)), ...threading };
  return new ModelEngine({ ...options, catalogue }, model, program, encoder);
}

class ModelEngine implements ObservingEngine {
  readonly #config: RunConfig;
  readonly #catalogue: Catalogue;
  readonly #model: OpenModel;
  readonly #encoder: ImageEncoder;
  readonly #program: ProgramOptions;
  readonly #onClose: EngineOptions['onClose'];
  readonly #driver: MethodDriver;
  #gateReader: { readonly method: MethodName; readonly reader: GateReader } | undefined;

  constructor(
    { config, catalogue, onClose }: EngineOptions & { readonly catalogue: Catalogue },
    model: OpenModel,
    program: ProgramOptions,
    encoder: ImageEncoder,
  ) {
    this.#config = config;
    this.#catalogue = catalogue;
    this.#onClose = onClose;
    this.#model = model;
    this.#encoder = encoder;
    this.#program = program;
    this.#driver = new MethodDriver({
      model,
      program,
      features: (images, options) => encoder.encode(images, options),
      seed: config.seed,
      tasks: config.tasks,
      training: config.training,
      slots: config.evaluation.slots,
      baseModel: config.model,
    });
  }

  async trainStage(request: TrainRequest): Promise<TrainMeasurements> {
    return trainStage(this.#driver, this.#driven(request.method), this.#config, request);
  }

  async evaluate(request: EvaluateRequest): Promise<EvaluateMeasurements> {
    const started = performance.now();
    const { samples, signal } = request;
    const task = this.#catalogue.tasks.get(request.task);
    const trained = this.#drivenStage(request.trained);
    const generator = await this.#driver.generator(trained);
    const { parameters, prompts, routes } = await this.#ask(trained, request);
    const statistics = await answerSamples({
      model: this.#model,
      encoder: this.#encoder,
      aspect: aspectOf(this.#config, task),
      generator,
      parameters: Object.fromEntries(parameters),
      samples,
      prompts,
      maxNewTokens: Math.min(this.#config.evaluation.maxNewTokens, task.maxNewTokens),
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
    const { parameters, routes } = await this.#ask(this.#drivenStage(request.trained), request);
    const aspect = aspectOf(this.#config, this.#catalogue.tasks.get(task));
    const layouts = await layoutsOf(this.#model, samples, aspect);
    for (const [i, { text, answer, image }] of samples.entries()) {
      signal.throwIfAborted();
      const [features] = image === undefined ? [] : await this.#encoder.encode([image], { aspect });
      const { insert = [], rows } = routes?.[i] ?? {};
      const turns = [{ question: text, answer }];
      const whole = this.#model.prompts.conversation(turns, { image: layouts[i], task });
      const sequence = withInserted(whole, insert);
      onGates({
        image: Uint8Array.from(sequence.imageRows, (row) => (row < 0 ? 0 : 1)),
        answer: sequence.trained,
        gates: await reader.read({ ...sequence, features, rows }, parameters),
      });
    }
  }

  async close(): Promise<void> {
    await this.#driver.close();
    await this.#gateReader?.reader.dispose();
    this.#onClose?.(this.#encoder.counts);
    await this.#encoder.dispose();
  }

  #ask(
    trained: DrivenStage | undefined,
    { samples, task, signal }: Pick<EvaluateRequest, 'samples' | 'task' | 'signal'>,
  ): Promise<Asked> {
    const questions = samples.map(({ text, image }) => ({ text, image, task }));
    return this.#driver.ask(trained, questions, {
      aspect: aspectOf(this.#config, this.#catalogue.tasks.get(task)),
      signal,
    });
  }

  /** A method of the run, with the run's settings. */
  #driven(name: MethodName): DrivenMethod {
    const method = this.#catalogue.methods.get(name);
    return { method, open: openMethod(this.#config, method) };
  }

  #drivenStage(trained: TrainedStage | undefined): DrivenStage | undefined {
    if (trained === undefined) return undefined;
    const { method, stage, adapterFolder } = trained;
    return { ...this.#driven(method), stage, folder: adapterFolder };
  }

  async #gateReaderOf(method: MethodName): Promise<GateReader> {
    if (this.#gateReader?.method === method) return this.#gateReader.reader;
    await this.#gateReader?.reader.dispose();
    const { open } = this.#driven(method);
    const reader = await GateReader.compile({
      model: this.#model,
      graph: open.graph({ use: 'inference', model: this.#model.shape }),
      program: this.#program,
    });
    this.#gateReader = { method, reader };
    return reader;
  }
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
