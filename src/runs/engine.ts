// The engine of a run: a LLaVA model behind the interface of `run-engine.ts`. Programs are compiled once per method and
// serve every stage; only the parameters fed to them change.
import { appendFileSync } from 'node:fs';
import { Generator, type Prompt } from '../evaluation/generator.ts';
import { createEmbeddings } from '../methods/embeddings.ts';
import { methods } from '../methods/index.ts';
import type { Embeddings, Inference, InferenceTools, Query, Route } from '../methods/method.ts';
import { ImageEncoder } from '../models/llava/image-encoder.ts';
import { type LlavaModel, openLlava } from '../models/llava/model.ts';
import { LANGUAGE_MODEL } from '../models/llava/weights.ts';
import { tasks } from '../tasks/index.ts';
import type { Prediction, TestSample } from '../tasks/task.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { projectorNames } from '../training/traced.ts';
import { type MethodName, type RunConfig, settingsOf } from './config-schema.ts';
import type {
  EvaluateMeasurements,
  EvaluateRequest,
  RunEngine,
  TrainMeasurements,
  TrainRequest,
} from './run-engine.ts';
import { StageTraining } from './stage-training.ts';

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
  readonly #training: StageTraining;
  readonly #embeddings: Embeddings;
  #generator: { readonly method: MethodName | undefined; readonly generator: Generator } | undefined;

  constructor(config: RunConfig, model: LlavaModel, encoder: ImageEncoder) {
    this.#config = config;
    this.#model = model;
    this.#encoder = encoder;
    this.#embeddings = embeddingsOf(model);
    this.#training = new StageTraining({
      config,
      model,
      projector: this.#baseProjector(),
      embeddings: this.#embeddings,
      features: (paths) => this.#features(paths),
    });
  }

  async trainStage(request: TrainRequest): Promise<TrainMeasurements> {
    return this.#training.train(request);
  }

  async evaluate(request: EvaluateRequest): Promise<EvaluateMeasurements> {
    const started = performance.now();
    const { method, stage, adapterFolder, samples, signal } = request;
    const { slots, maxNewTokens } = this.#config.evaluation;
    const generator = await this.#generatorOf(method);
    const { parameters: values, route } = this.#inferenceOf(method, stage, adapterFolder);
    const parameters = Object.fromEntries(values);
    const limit = Math.min(maxNewTokens, tasks[request.task].maxNewTokens);
    const prompts = samples.map((sample) => ({ sample, inputIds: this.#promptOf(sample) }));
    let [routed, routedRight] = [0, 0];
    // Prompts of like length share a batch; ties keep the order of the file.
    prompts.sort((a, b) => a.inputIds.length - b.inputIds.length);
    for (let start = 0; start < prompts.length; start += slots) {
      signal.throwIfAborted();
      const part = prompts.slice(start, start + slots);
      const features = await this.#features(part.map(({ sample }) => sample.image));
      const queries = part.map(
        ({ sample, inputIds }, i): Query => ({
          text: sample.text,
          inputIds,
          task: request.task,
          ...withFeatures(features[i]),
        }),
      );
      const routes = await route?.(queries, this.#inferenceTools(generator));
      for (const { choice } of routes ?? []) {
        if (choice === undefined) continue;
        routed++;
        if (choice === request.task) routedRight++;
      }
      const answers = await generator.generate(
        queries.map((query, i) => routedPrompt(query, routes?.[i])),
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
    return { seconds: secondsSince(started), ...(routed > 0 ? { routed, routedRight } : {}) };
  }

  async close(): Promise<void> {
    await this.#training.close();
    await this.#generator?.generator.dispose();
    await this.#encoder.dispose();
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
        : {
            adapter: methods[method]
              .open(settingsOf(this.#config, method))
              .graph({ use: 'inference', model: this.#model.config }),
          }),
    });
    this.#generator = { method, generator };
    return generator;
  }

  /** What answers are given with: of a method's stage, or of the model before any training. */
  #inferenceOf(method: MethodName | undefined, stage = 0, adapterFolder?: string): Inference {
    if (method === undefined || adapterFolder === undefined) return { parameters: this.#baseProjector() };
    const { config } = this.#model;
    const { seed, tasks: stream } = this.#config;
    return methods[method]
      .open(settingsOf(this.#config, method))
      .inference(this.#training.read(method, adapterFolder), { seed, stage, tasks: stream, model: config });
  }

  #inferenceTools(generator: Generator): InferenceTools {
    return {
      embeddings: this.#embeddings,
      generate: async (queries, parameters, maxNewTokens) => {
        const prompts = queries.map((query) => routedPrompt(query));
        const answers = await generator.generate(prompts, Object.fromEntries(parameters), maxNewTokens);
        return answers.map((ids) => this.#model.tokenizer.decode(ids).trim());
      },
    };
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
}

function withFeatures(features: Float32Array | undefined): { readonly features?: Float32Array } {
  return features === undefined ? {} : { features };
}

function routedPrompt({ inputIds, features }: Query, route: Route = {}): Prompt {
  const { insert = [], rows } = route;
  const ids =
    insert.length === 0
      ? inputIds
      : Int32Array.from([...inputIds.slice(0, 1), ...insert, ...inputIds.slice(1)]);
  return { inputIds: ids, ...withFeatures(features), ...(rows === undefined ? {} : { rows }) };
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

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
