// Where claims are checked: methods are trained on the toy by the real trainer, and what came out can be looked at.
// Equal experiments are run once.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { present } from '../base/errors.ts';
import {
  type DrivenMethod,
  type DrivenStage,
  MethodDriver,
  type TrainedTask,
} from '../engine/method-driver.ts';
import type {
  Experiment,
  ExperimentOptions,
  ExperimentStage,
  Laboratory,
  TestQuestion,
  TrainingLosses,
} from '../methods/claim.ts';
import type { Method } from '../methods/define.ts';
import type { BatchExample, Example, Values } from '../methods/method.ts';
import { withInserted } from '../methods/shared/insertion.ts';
import { Scope } from '../nn/scope.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { floats, Program } from '../tensor/program.ts';
import { batchOptions, countAnswers, trainingBatch } from '../training/batches.ts';
import { answerLogits } from '../training/loss.ts';
import type { StageTrainer } from '../training/stage.ts';
import {
  createToyModel,
  type ToyModel,
  toyFeatures,
  toyQuestions,
  toySamples,
  toyTasks,
} from './toy-world.ts';

const SEED = 3;
const training = {
  epochs: 3,
  batchSize: 6,
  accumulation: 1,
  learningRate: 0.02,
  projectorLearningRate: 0.002,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  schedule: 'constant',
  warmupRatio: 0,
  clipNorm: 1,
  checkpointEverySteps: 0,
  maxTokens: 64,
} as const;
/** Questions answered side by side, and the words of an answer. */
const [SLOTS, ANSWER_TOKENS] = [6, 2];
const adapterSettings = { rank: 4, alpha: 8, dropout: 0, experts: 2 };

/** A laboratory; `dispose` releases what its experiments hold. */
export class ToyLaboratory implements Laboratory {
  #toy: ToyModel | undefined;
  /** Where stages are written, a folder per experiment. */
  #folder: string | undefined;
  readonly #experiments = new Map<string, Promise<Experiment>>();
  readonly #held: { dispose(): Promise<void> }[] = [];

  async run(method: Method, options: ExperimentOptions = {}): Promise<Experiment> {
    const key = JSON.stringify([method.name, options]);
    const known = this.#experiments.get(key);
    if (known !== undefined) return known;
    const made = this.#run(method, options);
    this.#experiments.set(key, made);
    return made;
  }

  async dispose(): Promise<void> {
    for (const part of this.#held) await part.dispose();
    this.#toy?.dispose();
    this.#toy = undefined;
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
    this.#experiments.clear();
    this.#held.length = 0;
  }

  async #run(method: Method, options: ExperimentOptions): Promise<Experiment> {
    const { own = {}, adapter = {}, tasks: count = 3, ...changes } = options;
    this.#toy ??= createToyModel();
    this.#folder ??= mkdtempSync(join(tmpdir(), 'coin-laboratory-'));
    const folder = mkdtempSync(join(this.#folder, `${method.name}-`));
    const tasks = toyTasks.slice(0, count);
    const driver = new MethodDriver({
      model: this.#toy,
      features: async (images) => images.map(toyFeatures),
      seed: SEED,
      tasks,
      training: { ...training, ...changes },
      slots: SLOTS,
    });
    const open = method.open({ adapter: { ...adapterSettings, ...adapter }, own });
    const bench = new Bench(this.#toy, driver, { method, open });
    this.#held.push(bench);
    const stages: ExperimentStage[] = [];
    let previous: string | undefined;
    for (const [index, { tasks: learnt }] of method.stream.stages(tasks).entries()) {
      const stage = { method, open, stage: index + 1, folder: join(folder, `${index + 1}`) };
      mkdirSync(stage.folder);
      const trained = await driver.train({ ...stage, tasks: learnt, samplesOf: toySamples, previous });
      stages.push(await bench.stage(stage, present(learnt.at(-1), 'a task'), trained));
      previous = stage.folder;
    }
    return { open, tasks, stages, last: stages.at(-1) as ExperimentStage };
  }
}

/** The instruments of one method. */
class Bench {
  readonly #toy: ToyModel;
  readonly #driver: MethodDriver;
  readonly #driven: DrivenMethod;
  #answers: Promise<Program> | undefined;

  constructor(toy: ToyModel, driver: MethodDriver, driven: DrivenMethod) {
    this.#toy = toy;
    this.#driver = driver;
    this.#driven = driven;
  }

  async stage(
    stage: DrivenStage,
    task: string,
    { plan, trained, examples }: TrainedTask,
  ): Promise<ExperimentStage> {
    const { probes }: StageTrainer = await this.#driver.trainer(this.#driven);
    const feeds: Values = plan.feeds ?? new Map();
    const fed = async (batch: readonly BatchExample[]): Promise<readonly Values[]> => [
      feeds,
      (await plan.batchFeeds?.(batch)) ?? new Map(),
    ];
    return {
      task,
      examples,
      trainedOn: plan.examples ?? examples,
      initial: plan.initial,
      feeds,
      trained,
      state: this.#driver.read(this.#driven, stage.folder),
      inference: this.#driver.inference(stage),
      measured: plan.measured ?? {},
      losses: async (some, values) => {
        const batch = some.map(shown);
        return lossesOf(await probes.losses(batch, countAnswers(batch), values, ...(await fed(batch))));
      },
      gradients: async (some, values) => {
        const batch = some.map(shown);
        return probes.gradients(batch, values, ...(await fed(batch)));
      },
      trainingLogits: async (some, values) => {
        const batch = some.map(shown);
        return (await probes.logits(batch, values, ...(await fed(batch)))).data as Float32Array;
      },
      inferenceLogits: (some) => this.#inferenceLogits(stage, some),
      route: async (questions) => (await this.#driver.ask(stage, questions)).routes ?? [],
      answers: (questions) => this.#generate(stage, questions),
      questions: toyQuestions,
    };
  }

  async dispose(): Promise<void> {
    await this.#driver.close();
    await (await this.#answers)?.dispose();
  }

  async #inferenceLogits(stage: DrivenStage, examples: readonly Example[]): Promise<Float32Array> {
    const { shape, weights } = this.#toy;
    this.#answers ??= (async () => {
      const graph = stage.open.graph({ use: 'inference', model: shape });
      const { logits } = answerLogits(new Scope(weights.provider(shape.alongside), '', graph), this.#toy);
      return Program.compile({ answers: logits });
    })();
    const questions = examples.map(({ sample: { turns, image }, task }) => ({
      text: turns[0]?.question ?? '',
      image,
      task,
    }));
    const { parameters, routes } = await this.#driver.ask(stage, questions);
    const batch = examples.map((example, i) => shown(withInserted(example, routes?.[i]?.insert ?? [])));
    const feeds = trainingBatch(batch, {
      ...batchOptions(this.#toy),
      totalAnswers: 1,
    });
    const names = Object.keys(routes?.[0]?.rows ?? {});
    const rows = names.map((name) => {
      const parts = (routes ?? []).map((route) => [...(route.rows?.[name] ?? [])]);
      return [name, float32(parts.flat(), [parts.length, parts[0]?.length ?? 0])] as const;
    });
    const program = await this.#answers;
    const result = await program.run({
      ...Object.fromEntries(parameters),
      ...Object.fromEntries(rows),
      ...feeds,
    });
    return floats(result.answers);
  }

  async #generate(stage: DrivenStage, questions: readonly TestQuestion[]): Promise<readonly string[]> {
    const generator = await this.#driver.generator(stage);
    const { parameters, prompts } = await this.#driver.ask(stage, questions);
    const answers = await generator.generate(
      prompts.map((prompt, i) => ({ ...prompt, features: toyFeatures(questions[i]?.image ?? '') })),
      Object.fromEntries(parameters),
      ANSWER_TOKENS,
    );
    return answers.map((ids) => this.#toy.tokenizer.decode(ids));
  }
}

function shown(example: Example): BatchExample {
  const { image } = example.sample;
  return { ...example, features: image === undefined ? undefined : toyFeatures(image) };
}

function lossesOf(values: Values): TrainingLosses {
  const { crossEntropy, extra, ...gradients } = Object.fromEntries(values) as Record<string, HostTensor>;
  return {
    crossEntropy: crossEntropy?.data[0] as number,
    extra: (extra?.data[0] as number | undefined) ?? 0,
    extraGradients: new Map(Object.entries(gradients)),
  };
}
