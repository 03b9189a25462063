// Where claims are checked: methods are trained on the toy by the real trainer, and what came out can be looked at.
// Equal experiments are run once.
import { present } from '../base/errors.ts';
import { Generator, type Prompt } from '../evaluation/generation/generator.ts';
import type {
  Experiment,
  ExperimentOptions,
  ExperimentStage,
  Laboratory,
  TrainingLosses,
} from '../methods/claim.ts';
import type {
  BatchExample,
  Example,
  Inference,
  InferenceTools,
  Method,
  OpenMethod,
  Query,
  StageContext,
  StageState,
  Values,
} from '../methods/method.ts';
import { createEmbeddings } from '../methods/shared/embeddings.ts';
import { withInserted } from '../methods/shared/insertion.ts';
import { tasksUpTo } from '../methods/stream.ts';
import { LANGUAGE_MODEL } from '../models/llava/weights.ts';
import { Scope } from '../nn/scope.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { floats, Program } from '../tensor/program.ts';
import { batchOptions, countAnswers, trainingBatch } from '../training/batches.ts';
import type { TrainingSettings } from '../training/course.ts';
import { answerLogits } from '../training/loss.ts';
import { StageTrainer } from '../training/stage.ts';
import { projectorNames } from '../training/traced.ts';
import {
  createToyModel,
  type ToyModel,
  toyExample,
  toyFeatures,
  toyPrompt,
  toyQueries,
  toySamples,
  toyTasks,
  toyText,
  toyTokens,
} from './toy-world.ts';

const SEED = 3;
const training: TrainingSettings = {
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
};
const adapterSettings = { rank: 4, alpha: 8, dropout: 0, experts: 2 };

/** A laboratory; `dispose` releases what its experiments hold. */
export class ToyLaboratory implements Laboratory {
  #toy: ToyModel | undefined;
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
    this.#experiments.clear();
    this.#held.length = 0;
  }

  async #run(method: Method, options: ExperimentOptions): Promise<Experiment> {
    const { own = {}, adapter = {}, tasks: count = 2, ...changes } = options;
    this.#toy ??= createToyModel();
    const { config, weights } = this.#toy;
    const open = method.open({ adapter: { ...adapterSettings, ...adapter }, own });
    const tasks = toyTasks.slice(0, count);
    const settings = { ...training, ...changes };
    const trainer = await StageTrainer.compile({ config, weights, open, settings });
    this.#held.push(trainer);
    const bench = new Bench(this.#toy, open, trainer);
    this.#held.push(bench);
    const stages: ExperimentStage[] = [];
    let previous: StageState | undefined;
    for (const [index, { tasks: own }] of method.stream.stages(tasks).entries()) {
      const known = tasksUpTo(method.stream, index + 1, tasks);
      const task = present(own.at(-1), 'a task');
      const context = { seed: SEED, stage: index + 1, tasks: known, model: config };
      const samples = own.flatMap((name) => toySamples(name).map((sample) => ({ sample, task: name })));
      const stream =
        open.selectSamples?.({
          ...context,
          task,
          samples: samples.map(({ sample }) => sample),
          samplesOf: toySamples,
        }) ?? samples;
      const examples = stream.map(toyExample);
      const result = await trainer.train({
        ...context,
        task,
        examples,
        embeddings: bench.embeddings,
        fetchFeatures: async (images) => images.map(toyFeatures),
        samplesOf: toySamples,
        tokenize: async (some) => some.map(toyExample),
        ...(previous === undefined ? {} : { previous }),
      });
      stages.push(bench.stage({ task, examples, context, result }));
      previous = result.state;
    }
    return { open, tasks, stages, last: stages.at(-1) as ExperimentStage };
  }
}

/** The instruments of one method: programs are compiled when they are first used. */
class Bench {
  readonly #toy: ToyModel;
  readonly #open: OpenMethod;
  readonly #trainer: StageTrainer;
  readonly embeddings;
  #generator: Promise<Generator> | undefined;
  #answers: Promise<Program> | undefined;

  constructor(toy: ToyModel, open: OpenMethod, trainer: StageTrainer) {
    this.#toy = toy;
    this.#open = open;
    this.#trainer = trainer;
    this.embeddings = createEmbeddings({
      table: toy.weights.values(`${LANGUAGE_MODEL}.embed_tokens.weight`).data,
      hiddenSize: toy.config.text.hiddenSize,
      visionSize: toy.config.vision.hiddenSize,
      tokenize: toyTokens,
    });
  }

  stage(made: {
    readonly task: string;
    readonly examples: readonly Example[];
    readonly context: StageContext;
    readonly result: Awaited<ReturnType<StageTrainer['train']>>;
  }): ExperimentStage {
    const { task, examples, context, result } = made;
    const { plan, state, trained } = result;
    const { probes } = this.#trainer;
    const feeds: Values = plan.feeds ?? new Map();
    const inference = this.#open.inference(state, context);
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
      state,
      inference,
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
      inferenceLogits: (batch) => this.#inferenceLogits(batch, inference),
      route: async (queries) => (await inference.route?.(queries, await this.#tools())) ?? [],
      queries: toyQueries,
    };
  }

  async dispose(): Promise<void> {
    await (await this.#generator)?.dispose();
    await (await this.#answers)?.dispose();
  }

  async #inferenceLogits(examples: readonly Example[], inference: Inference): Promise<Float32Array> {
    const { config, weights } = this.#toy;
    this.#answers ??= (async () => {
      const graph = this.#open.graph({ use: 'inference', model: config });
      const { logits } = answerLogits(
        new Scope(weights.provider(new Set(projectorNames)), '', graph),
        config,
      );
      return Program.compile({ answers: logits });
    })();
    const queries = examples.map(shown).map(({ sample, task, inputIds, trained, features }): Query => {
      const prompt = inputIds.slice(0, trained.indexOf(1));
      return {
        text: sample.turns[0]?.question ?? '',
        inputIds: prompt,
        task,
        features,
      };
    });
    const routes = await inference.route?.(queries, await this.#tools());
    const batch = examples.map((example, i) => shown(withInserted(example, routes?.[i]?.insert ?? [])));
    const feeds = trainingBatch(batch, {
      ...batchOptions(config),
      totalAnswers: 1,
    });
    const names = Object.keys(routes?.[0]?.rows ?? {});
    const rows = names.map((name) => {
      const parts = (routes ?? []).map((route) => [...(route.rows?.[name] ?? [])]);
      return [name, float32(parts.flat(), [parts.length, parts[0]?.length ?? 0])] as const;
    });
    const program = await this.#answers;
    const result = await program.run({
      ...Object.fromEntries(inference.parameters),
      ...Object.fromEntries(rows),
      ...feeds,
    });
    return floats(result.answers);
  }

  async #tools(): Promise<InferenceTools> {
    const { config, weights } = this.#toy;
    this.#generator ??= Generator.compile({
      config,
      weights: weights.provider(new Set(projectorNames)),
      adapter: this.#open.graph({ use: 'inference', model: config }),
      slots: 6,
    });
    const generator = await this.#generator;
    return {
      embeddings: this.embeddings,
      generate: async (questions, parameters, limit) => {
        const prompts = questions.map(
          ({ text, features, rows }): Prompt => ({
            inputIds: Int32Array.from(toyPrompt(text, features !== undefined)),
            features,
            rows,
          }),
        );
        const texts: string[] = [];
        for (let start = 0; start < prompts.length; start += 6) {
          const part = prompts.slice(start, start + 6);
          const ids = await generator.generate(part, Object.fromEntries(parameters), limit);
          texts.push(...ids.map((answer) => toyText(answer)));
        }
        return texts;
      },
    };
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
