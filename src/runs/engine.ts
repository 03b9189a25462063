// The engine of a run: a LLaVA model behind the interface of `run-engine.ts`. Programs are compiled once per method and
// serve every stage; only the parameters fed to them change.
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createAdapter } from '../adapters/index.ts';
import {
  CONFIG_FILE,
  PROJECTOR_FILE,
  readAdapter,
  readProjector,
  serializeAdapter,
  serializeProjector,
  WEIGHTS_FILE,
} from '../adapters/peft.ts';
import { Generator } from '../evaluation/generator.ts';
import { sha256, writeFileAtomic } from '../formats/files.ts';
import { methods } from '../methods/index.ts';
import { ImageEncoder } from '../models/llava/image-encoder.ts';
import { type LlavaModel, openLlava } from '../models/llava/model.ts';
import { tasks } from '../tasks/index.ts';
import type { Prediction, TestSample, TrainSample } from '../tasks/task.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import type { TokenizedSample } from '../training/batches.ts';
import { readState, serializeState } from '../training/checkpoint.ts';
import { projectorNames, StageTrainer } from '../training/stage.ts';
import type { MethodName, RunConfig } from './config-schema.ts';
import type {
  EvaluateMeasurements,
  EvaluateRequest,
  RunEngine,
  TrainMeasurements,
  TrainRequest,
} from './run-engine.ts';

export interface EngineOptions {
  readonly config: RunConfig;
  /** In the llava-hf layout. */
  readonly modelFolder: string;
}

type Values = ReadonlyMap<string, HostTensor>;

export async function openEngine({ config, modelFolder }: EngineOptions): Promise<RunEngine> {
  const model = openLlava(modelFolder);
  const { config: llava, weights, transform } = model;
  const encoder = await ImageEncoder.open({ config: llava, weights, transform, provider: config.provider });
  return new LlavaEngine(config, model, encoder);
}

class LlavaEngine implements RunEngine {
  readonly #config: RunConfig;
  readonly #model: LlavaModel;
  readonly #encoder: ImageEncoder;
  #trainer: { readonly method: MethodName; readonly trainer: StageTrainer } | undefined;
  #generator: { readonly method: MethodName | undefined; readonly generator: Generator } | undefined;

  constructor(config: RunConfig, model: LlavaModel, encoder: ImageEncoder) {
    this.#config = config;
    this.#model = model;
    this.#encoder = encoder;
  }

  async trainStage(request: TrainRequest): Promise<TrainMeasurements> {
    const started = performance.now();
    const { method, stage, samples, previousAdapter, signal } = request;
    const trainer = await this.#trainerOf(method);
    const tokenized = await this.#tokenize(samples, signal);
    const checkpoint = join(request.checkpointFolder, 'state.safetensors');
    const identity = this.#identity(request);
    const resume = existsSync(checkpoint) ? readState(checkpoint, identity) : undefined;
    const trainingStarted = performance.now();
    let seen = 0;
    const { values, steps, finalLoss } = await trainer.train({
      samples: tokenized,
      seed: this.#config.seed,
      stage,
      signal,
      ...(previousAdapter === undefined ? {} : { previous: this.#readValues(method, previousAdapter) }),
      ...(resume === undefined ? {} : { resume }),
      onCheckpoint: (state) => {
        mkdirSync(request.checkpointFolder, { recursive: true });
        writeFileAtomic(checkpoint, serializeState(state, identity));
      },
      onStep: ({ step, steps, loss, samples: count }) => {
        seen += count;
        request.onProgress({ step, steps, loss, samplesPerSecond: seen / secondsSince(trainingStarted) });
      },
    });
    this.#writeValues(method, request.adapterFolder, values);
    return {
      seconds: secondsSince(started),
      steps,
      finalLoss,
      trainableParameters: trainer.trainableParameters,
    };
  }

  async evaluate(request: EvaluateRequest): Promise<EvaluateMeasurements> {
    const started = performance.now();
    const { method, adapterFolder, samples, signal } = request;
    const { slots, maxNewTokens } = this.#config.evaluation;
    const generator = await this.#generatorOf(method);
    const values =
      method === undefined || adapterFolder === undefined
        ? this.#baseProjector()
        : this.#readValues(method, adapterFolder);
    const parameters = Object.fromEntries(values);
    const limit = Math.min(maxNewTokens, tasks[request.task].maxNewTokens);
    const prompts = samples.map((sample) => ({ sample, inputIds: this.#promptOf(sample) }));
    // Prompts of like length share a batch; ties keep the order of the file.
    prompts.sort((a, b) => a.inputIds.length - b.inputIds.length);
    for (let start = 0; start < prompts.length; start += slots) {
      signal.throwIfAborted();
      const part = prompts.slice(start, start + slots);
      const features = await this.#features(part.map(({ sample }) => sample.image));
      const answers = await generator.generate(
        part.map(({ inputIds }, i) => ({ inputIds, ...withFeatures(features[i]) })),
        parameters,
        limit,
      );
      const lines = part.map(
        ({ sample }, i): Prediction => ({
          question_id: sample.id,
          prompt: sample.text,
          text: this.#model.tokenizer.decode(answers[i] ?? []).trim(),
        }),
      );
      appendFileSync(request.predictionFile, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      const done = start + part.length;
      request.onProgress({ done, total: prompts.length, samplesPerSecond: done / secondsSince(started) });
    }
    return { seconds: secondsSince(started) };
  }

  async close(): Promise<void> {
    await this.#trainer?.trainer.dispose();
    await this.#generator?.generator.dispose();
    await this.#encoder.dispose();
  }

  async #trainerOf(method: MethodName): Promise<StageTrainer> {
    if (this.#trainer?.method === method) return this.#trainer.trainer;
    await this.#trainer?.trainer.dispose();
    const trainer = await StageTrainer.compile({
      config: this.#model.config,
      weights: this.#model.weights,
      adapter: methods[method].adapter(this.#config.adapter),
      settings: this.#config.training,
      provider: this.#config.provider,
    });
    this.#trainer = { method, trainer };
    return trainer;
  }

  async #generatorOf(method: MethodName | undefined): Promise<Generator> {
    if (this.#generator !== undefined && this.#generator.method === method) return this.#generator.generator;
    await this.#generator?.generator.dispose();
    const generator = await Generator.compile({
      config: this.#model.config,
      weights: this.#model.weights.provider(new Set(projectorNames)),
      slots: this.#config.evaluation.slots,
      program: { provider: this.#config.provider },
      ...(method === undefined
        ? {}
        : { adapter: createAdapter(methods[method].adapter(this.#config.adapter)) }),
    });
    this.#generator = { method, generator };
    return generator;
  }

  async #tokenize(samples: readonly TrainSample[], signal: AbortSignal): Promise<TokenizedSample[]> {
    const result: TokenizedSample[] = [];
    const part = 64;
    for (let start = 0; start < samples.length; start += part) {
      signal.throwIfAborted();
      const some = samples.slice(start, start + part);
      const features = await this.#features(some.map(({ image }) => image));
      some.forEach(({ turns, image }, i) => {
        const tokens = this.#model.processor.processTraining(turns, { hasImage: image !== undefined });
        result.push({ ...tokens, ...withFeatures(features[i]) });
      });
    }
    return result;
  }

  #promptOf({ text, image }: TestSample): Int32Array {
    return this.#model.processor.processPrompt(text, { hasImage: image !== undefined });
  }

  async #features(paths: readonly (string | undefined)[]): Promise<(Float32Array | undefined)[]> {
    const known = paths.filter((path) => path !== undefined);
    const features = (await this.#encoder.encode(known)).values();
    return paths.map((path) => (path === undefined ? undefined : features.next().value));
  }

  #baseProjector(): Values {
    return new Map(
      projectorNames.map((name) => {
        const { data, shape } = this.#model.weights.values(name);
        return [name, float32(data, shape)];
      }),
    );
  }

  /** The projector must be there in full: the reference loses it between tasks without a word (coin.md 4.4). */
  #readValues(method: MethodName, folder: string): Values {
    const spec = methods[method].adapter(this.#config.adapter);
    const { values } = readAdapter(folder);
    const expected = new Map([...this.#baseProjector()].map(([name, { shape }]) => [name, { shape }]));
    if (values.size === 0) throw new Error(`internal: the adapter of ${spec.kind} in ${folder} is empty`);
    return new Map([...values, ...readProjector(folder, expected)]);
  }

  #writeValues(method: MethodName, folder: string, values: Values): void {
    const split = (wanted: boolean) =>
      new Map([...values].filter(([name]) => projectorNames.includes(name) === wanted));
    const spec = methods[method].adapter(this.#config.adapter);
    const files = serializeAdapter({ spec, values: split(false), baseModel: this.#config.model });
    writeFileAtomic(join(folder, CONFIG_FILE), files[CONFIG_FILE]);
    writeFileAtomic(join(folder, WEIGHTS_FILE), files[WEIGHTS_FILE]);
    writeFileAtomic(join(folder, PROJECTOR_FILE), serializeProjector(split(true)));
  }

  /** A checkpoint counts only for the very same training. */
  #identity({ method, stage, task, samples }: TrainRequest): string {
    const { adapter, training, seed, provider } = this.#config;
    const turns = samples.map(({ id, turns }) => [id, turns]);
    return sha256(JSON.stringify({ method, stage, task, adapter, training, seed, provider, turns }));
  }
}

function withFeatures(features: Float32Array | undefined): { readonly features?: Float32Array } {
  return features === undefined ? {} : { features };
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
