// The driver of methods: all that surrounds the trainer when a method goes through a stream. It has samples chosen and
// made into tokens, trains, writes what a stage leaves behind and reads it back, and asks questions along the method's
// routes. Runs and claims are driven by this one. It knows no configuration of runs, no journal and no scores.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../base/errors.ts';
import { Generator, type Prompt } from '../evaluation/generation/generator.ts';
import { writeFileAtomic } from '../formats/files/files.ts';
import type { Method } from '../methods/define.ts';
import type {
  Embeddings,
  Example,
  Inference,
  InferenceTools,
  OpenMethod,
  Query,
  Route,
  StageContext,
  StageState,
  StreamSample,
  Values,
} from '../methods/method.ts';
import { createEmbeddings } from '../methods/shared/embeddings.ts';
import { readStage, serializeStage } from '../methods/shared/stage-files.ts';
import { tasksUpTo } from '../methods/stream.ts';
import type { DrivenModel } from '../models/family.ts';
import { layoutsOf } from '../models/layouts.ts';
import { ownAlongside } from '../models/model-adapter.ts';
import { tableOf } from '../models/network.ts';
import { type TokenSequence, truncated, withWords } from '../models/sequence.ts';
import { strip } from '../tasks/python.ts';
import type { ImageAspect, TrainSample } from '../tasks/task.ts';
import type { ProgramOptions } from '../tensor/program.ts';
import type { TrainingSettings } from '../training/course.ts';
import type { LearnerState } from '../training/learner.ts';
import { type StageResult, StageTrainer } from '../training/stage.ts';
import type { TrainProgress } from './contract.ts';

export interface DriverOptions {
  readonly model: DrivenModel;
  /** Features of images, [rows, featureSize] each, in the order asked for; by default padded to a square. */
  readonly features: (
    images: readonly string[],
    options?: { readonly aspect?: ImageAspect },
  ) => Promise<readonly Float32Array[]>;
  readonly seed: number;
  /** The whole stream in training order; a stage is told of none that comes after it. */
  readonly tasks: readonly string[];
  readonly training: TrainingSettings & {
    /** Tokens of a conversation; what lies behind them is left out. */
    readonly maxTokens: number;
  };
  /** Samples that are answered side by side. */
  readonly slots: number;
  readonly program?: ProgramOptions;
  /** Written into adapters, for who reads them. */
  readonly baseModel?: string;
}

/** A method with its settings. They are the same whenever a driver is given a method of this name. */
export interface DrivenMethod {
  readonly method: Method;
  readonly open: OpenMethod;
}

/** A stage of a method and the folder of what it leaves behind. */
export interface DrivenStage extends DrivenMethod {
  /** Counted from 1. */
  readonly stage: number;
  readonly folder: string;
}

export interface StageTask extends DrivenStage {
  /** What is trained on in this stage; it bears the name of the last. */
  readonly tasks: readonly string[];
  /** The training samples of a task of the stream, in file order. */
  readonly samplesOf: (task: string) => readonly TrainSample[];
  /** Folder of what the stage before left behind; absent in the first. */
  readonly previous?: string;
  /** Where the training is kept while it lasts. Its stream tells whether that of an interrupted try was the same. */
  readonly checkpoint?: (stream: readonly StreamSample[]) => StageCheckpoint;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
}

export interface StageCheckpoint {
  /** Where an interrupted try at the same training got to. */
  readonly resume: LearnerState | undefined;
  save(state: LearnerState): void;
}

export interface TrainedTask extends StageResult {
  /** The samples as the method chose them, and the same as tokens. */
  readonly stream: readonly StreamSample[];
  readonly examples: readonly Example[];
  readonly context: StageContext;
  readonly trainableParameters: number;
}

/** A question as a test sample puts it. */
export interface DriverQuestion {
  readonly text: string;
  readonly image?: string;
  readonly task: string;
}

export interface DriverAskOptions {
  readonly aspect?: ImageAspect;
  readonly signal?: AbortSignal;
}

/** What a stage's model is given to answer questions. */
export interface Asked {
  readonly parameters: Values;
  /** As routed; without images. */
  readonly prompts: readonly Prompt[];
  /** By question, of a method that routes. */
  readonly routes: readonly Route[] | undefined;
}

/** Samples between two looks at the signal. */
const TOKENIZED_TOGETHER = 64;
/** Questions that a method routes side by side. */
const ROUTED_TOGETHER = 64;

/** Programs are compiled once per method and serve all its stages; those of one method at a time are held. */
export class MethodDriver {
  readonly #options: DriverOptions;
  /** The base model's own values of what trains alongside: its projector, or nothing. */
  readonly alongside: Values;
  readonly #embeddings: Embeddings;
  #trainer: { readonly method: string; readonly trainer: StageTrainer } | undefined;
  #generator: { readonly method: string | undefined; readonly generator: Generator } | undefined;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.alongside = ownAlongside(options.model);
    this.#embeddings = embeddingsOf(options.model);
  }

  /** Trains one stage and writes its folder. Throws the signal's reason when that aborts. */
  async train(task: StageTask): Promise<TrainedTask> {
    const { open, stage, tasks, folder, signal } = task;
    const context = this.#context(task);
    const samplesOf = samplesUpTo(task, context.tasks);
    const name = tasks.at(-1) as string;
    const own = tasks.flatMap((from) => samplesOf(from).map((sample) => ({ sample, task: from })));
    const samples = own.map(({ sample }) => sample);
    const stream = open.selectSamples?.({ ...context, task: name, samples, samplesOf }) ?? own;
    const trainer = await this.trainer(task);
    const tokenize = (some: readonly StreamSample[]) => this.#tokenize(some, signal);
    const examples = await tokenize(stream);
    const previous = task.previous === undefined ? undefined : this.read(task, task.previous);
    const checkpoint = task.checkpoint?.(stream);
    const started = performance.now();
    let seen = 0;
    const result = await trainer.train({
      examples,
      seed: context.seed,
      stage,
      task: name,
      tasks: context.tasks,
      tokenize,
      samplesOf,
      embeddings: this.#embeddings,
      fetchFeatures: (images) => this.#options.features(images),
      signal,
      previous,
      resume: checkpoint?.resume,
      onCheckpoint: checkpoint?.save,
      onStep: ({ step, steps, loss, samples: count }) => {
        seen += count;
        const samplesPerSecond = seen / ((performance.now() - started) / 1000);
        task.onProgress?.({ step, steps, loss, samplesPerSecond });
      },
    });
    this.#write(task, folder, result.state);
    return { ...result, stream, examples, context, trainableParameters: trainer.trainableParameters };
  }

  /** What a stage left behind in a folder. */
  read({ method, open }: DrivenMethod, folder: string): StageState {
    return readStage(folder, { method, open, model: this.#options.model.shape });
  }

  /** What the stage's model is fed when it answers, from its folder; without a stage, the base model. */
  inference(trained: DrivenStage | undefined): Inference {
    if (trained === undefined) return { parameters: this.alongside };
    return trained.open.inference(this.read(trained, trained.folder), this.#context(trained));
  }

  /** Questions as prompts, each along its route; a part at a time, as a method may look at the images. */
  async ask(
    trained: DrivenStage | undefined,
    questions: readonly DriverQuestion[],
    { aspect, signal }: DriverAskOptions = {},
  ): Promise<Asked> {
    const { parameters, route } = this.inference(trained);
    const { model } = this.#options;
    const layouts = await layoutsOf(model, questions, aspect);
    const prompts = questions.map(({ text, task }, i) =>
      model.prompts.ask(text, { image: layouts[i], task }),
    );
    if (route === undefined) return { parameters, prompts, routes: undefined };
    const routes: Route[] = [];
    for (let start = 0; start < questions.length; start += ROUTED_TOGETHER) {
      signal?.throwIfAborted();
      const part = questions.slice(start, start + ROUTED_TOGETHER);
      const images = part.flatMap(({ image }) => image ?? []);
      const features = (await this.#options.features(images, { aspect })).values();
      const queries = part.map(
        ({ text, image, task }, i): Query => ({
          text,
          inputIds: (prompts[start + i] as TokenSequence).inputIds,
          task,
          layout: layouts[start + i],
          features: image === undefined ? undefined : features.next().value,
        }),
      );
      routes.push(...(await route(queries, this.#inferenceTools(trained, part[0]?.task))));
    }
    return { parameters, prompts: prompts.map((prompt, i) => routedPrompt(prompt, routes[i])), routes };
  }

  /** The method's trainer. That of another method is let go. */
  async trainer({ method, open }: DrivenMethod): Promise<StageTrainer> {
    if (this.#trainer?.method === method.name) return this.#trainer.trainer;
    await this.#trainer?.trainer.dispose();
    this.#trainer = undefined;
    const { model, training, program } = this.#options;
    const trainer = await StageTrainer.compile({ model, open, settings: training, program });
    this.#trainer = { method: method.name, trainer };
    return trainer;
  }

  /** The generator of a method's model, or of the base model. That of another is let go. */
  async generator(driven: DrivenMethod | undefined): Promise<Generator> {
    const name = driven?.method.name;
    if (this.#generator !== undefined && this.#generator.method === name) return this.#generator.generator;
    await this.#generator?.generator.dispose();
    this.#generator = undefined;
    const { model, slots, program } = this.#options;
    const generator = await Generator.compile({
      model,
      slots,
      program,
      adapter: driven?.open.graph({ use: 'inference', model: model.shape }),
    });
    this.#generator = { method: name, generator };
    return generator;
  }

  async close(): Promise<void> {
    await this.#trainer?.trainer.dispose();
    await this.#generator?.generator.dispose();
  }

  #context({ method, stage }: Omit<DrivenStage, 'folder'>): StageContext {
    const { seed, tasks, model } = this.#options;
    return { seed, stage, tasks: tasksUpTo(method.stream, stage, tasks), model: model.shape };
  }

  #inferenceTools(driven: DrivenMethod | undefined, task: string | undefined): InferenceTools {
    const { tokenizer, prompts } = this.#options.model;
    return {
      embeddings: this.#embeddings,
      generate: async (questions, parameters, maxNewTokens) => {
        const asked = questions.map(({ text, features, layout, rows }) => ({
          ...prompts.ask(text, { image: layout, task }),
          features,
          rows,
        }));
        const generator = await this.generator(driven);
        const answers = await generator.generate(asked, Object.fromEntries(parameters), maxNewTokens);
        return answers.map((ids) => strip(tokenizer.decode(ids)));
      },
    };
  }

  async #tokenize(
    stream: readonly StreamSample[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Example[]> {
    const { model, training } = this.#options;
    const result: Example[] = [];
    for (let start = 0; start < stream.length; start += TOKENIZED_TOGETHER) {
      // Lets signals come in.
      await setImmediate();
      signal?.throwIfAborted();
      const some = stream.slice(start, start + TOKENIZED_TOGETHER);
      const layouts = await layoutsOf(
        model,
        some.map(({ sample }) => sample),
      );
      for (const [i, one] of some.entries()) {
        const whole = model.prompts.conversation(one.sample.turns, { image: layouts[i], task: one.task });
        const tokens = truncated(whole, training.maxTokens);
        if (!tokens.trained.includes(1)) {
          throw new UserError({
            message: `sample ${one.sample.id} of ${one.task} has no answer within training.maxTokens (${tokens.inputIds.length} tokens)`,
            hint: 'raise training.maxTokens, or leave the sample out',
          });
        }
        result.push({ ...one, ...tokens });
      }
    }
    return result;
  }

  #write({ method, open }: DrivenMethod, folder: string, state: StageState): void {
    const { model, baseModel } = this.#options;
    const options = { method, open, model: model.shape, baseModel };
    for (const [name, content] of Object.entries(serializeStage(state, options))) {
      writeFileAtomic(join(folder, name), content);
    }
  }
}

/** A stage that looked at later tasks would not be the same in a stream that goes on otherwise. */
function samplesUpTo({ method, samplesOf }: StageTask, known: readonly string[]) {
  return (task: string) => {
    if (known.includes(task)) return samplesOf(task);
    throw new Error(`internal: ${method.name} asked for samples of ${task}, which comes later`);
  };
}

function routedPrompt(prompt: TokenSequence, { insert = [], rows }: Route = {}): Prompt {
  return { ...withWords(prompt, insert), rows };
}

/** Made when a method first asks, as it reads the whole table of words. */
function embeddingsOf({ shape, network, weights, tokenizer }: DrivenModel): Embeddings {
  let made: Embeddings | undefined;
  const get = () => {
    made ??= createEmbeddings({
      table: weights.values(tableOf(network)).data,
      hiddenSize: shape.hiddenSize,
      featureSize: shape.featureSize,
      tokenize: (text) => tokenizer.encode(text, { first: true }),
    });
    return made;
  };
  return { image: (features) => get().image(features), text: (text) => get().text(text) };
}
