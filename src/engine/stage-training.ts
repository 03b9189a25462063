// The training half of a run's engine: the samples of a stage become examples, the method trains on them, and the stage's
// folder is written. The trainer is compiled once per method and serves every stage.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ExpectedTensors } from '../adapters/peft.ts';
import { UserError } from '../base/errors.ts';
import { killable } from '../base/kill-points.ts';
import type { Catalogue } from '../config/catalogue.ts';
import { methodSettingsOf, openMethod } from '../config/open-method.ts';
import type { MethodName, RunConfig } from '../config/schema.ts';
import { writeFileAtomic } from '../formats/files/files.ts';
import type { Embeddings, Example, Method, OpenMethod, StageState, StreamSample } from '../methods/method.ts';
import { memoryBytes, readStage, serializeStage } from '../methods/shared/stage-files.ts';
import { tasksUpTo } from '../methods/stream.ts';
import type { LlavaModel } from '../models/llava/model.ts';
import type { TrainingTokens } from '../models/llava/processor.ts';
import type { TaskName } from '../tasks/index.ts';
import type { ProgramOptions } from '../tensor/program.ts';
import { readState, serializeState } from '../training/checkpoint.ts';
import type { FetchFeatures } from '../training/feature-batches.ts';
import { StageTrainer } from '../training/stage.ts';
import type { TrainRequest } from './contract.ts';
import type { TrainMeasurements } from './measurements.ts';

export interface StageTrainingOptions {
  readonly config: RunConfig;
  readonly catalogue: Catalogue;
  readonly model: LlavaModel;
  readonly program: ProgramOptions;
  readonly projector: ExpectedTensors;
  readonly embeddings: Embeddings;
  readonly fetchFeatures: FetchFeatures;
}

/** Samples between two looks at the signal. */
const TOKENIZED_TOGETHER = 64;

export class StageTraining {
  readonly #options: StageTrainingOptions;
  #trainer: { readonly method: Method; readonly trainer: StageTrainer } | undefined;

  constructor(options: StageTrainingOptions) {
    this.#options = options;
  }

  async train(request: TrainRequest): Promise<TrainMeasurements> {
    const started = performance.now();
    const { config } = this.#options;
    const { stage, task, previousAdapter, signal } = request;
    const method = this.#methodOf(request.method);
    const open = openMethod(config, method);
    const known = tasksUpTo(method.stream, stage, config.tasks);
    const stream = this.#stream(open, request, known);
    const trainer = await this.#trainerOf(method, open);
    const tokenize = (samples: readonly StreamSample[]) => this.#tokenize(samples, signal);
    const examples = await tokenize(stream);
    const previous = previousAdapter === undefined ? undefined : this.read(request.method, previousAdapter);
    const checkpoint = join(request.checkpointFolder, 'state.safetensors');
    const identity = this.#identity(request, stream);
    const resume = existsSync(checkpoint) ? readState(checkpoint, identity) : undefined;
    const trainingStarted = performance.now();
    let seen = 0;
    const { state, plan, steps, finalLoss } = await trainer.train({
      examples,
      seed: config.seed,
      stage,
      task,
      tasks: known,
      tokenize,
      samplesOf: (name) => samplesOfKnown(request, known, name),
      embeddings: this.#options.embeddings,
      fetchFeatures: this.#options.fetchFeatures,
      signal,
      previous,
      resume,
      onCheckpoint: (saved) => {
        mkdirSync(request.checkpointFolder, { recursive: true });
        const bytes = serializeState(saved, identity);
        killable('checkpoint', checkpoint, () => writeFileAtomic(checkpoint, bytes));
      },
      onStep: ({ step, steps, loss, samples: count }) => {
        seen += count;
        request.onProgress({ step, steps, loss, samplesPerSecond: seen / secondsSince(trainingStarted) });
      },
    });
    this.#write(method, open, request.adapterFolder, state);
    const own = new Set<string>(request.tasks);
    const { parameters, passes = 1, addedTokens = 0 } = open.inference(state, this.#context(stage, known));
    return {
      seconds: secondsSince(started),
      steps,
      finalLoss,
      trainableParameters: trainer.trainableParameters,
      memoryBytes: memoryBytes(state),
      inferenceParameters: [...parameters].reduce(
        (total, [name, { data }]) => total + (this.#options.projector.has(name) ? 0 : data.length),
        0,
      ),
      inferencePasses: passes,
      addedTokens,
      streamSamples: stream.length,
      replayedSamples: stream.filter((sample) => !own.has(sample.task)).length,
      ...plan.measured,
    };
  }

  /** What a stage left behind. */
  read(name: MethodName, folder: string): StageState {
    const method = this.#methodOf(name);
    const open = openMethod(this.#options.config, method);
    return readStage(folder, { method, open, projector: this.#options.projector });
  }

  #methodOf(name: MethodName): Method {
    return this.#options.catalogue.methods.get(name);
  }

  async close(): Promise<void> {
    await this.#trainer?.trainer.dispose();
  }

  #context(stage: number, tasks: readonly TaskName[]) {
    const { config, model } = this.#options;
    return { seed: config.seed, stage, tasks, model: model.config };
  }

  /** The samples of the step's tasks, as the method mixes and rewrites them. */
  #stream(open: OpenMethod, request: TrainRequest, known: readonly TaskName[]): readonly StreamSample[] {
    const { stage, task, tasks, samplesOf } = request;
    const own = tasks.flatMap((name) => samplesOf(name).map((sample) => ({ sample, task: name })));
    const context = {
      ...this.#context(stage, known),
      task,
      samples: own.map(({ sample }) => sample),
      samplesOf: (name: string) => samplesOfKnown(request, known, name),
    };
    return open.selectSamples?.(context) ?? own;
  }

  async #trainerOf(method: Method, open: OpenMethod): Promise<StageTrainer> {
    if (this.#trainer?.method === method) return this.#trainer.trainer;
    await this.#trainer?.trainer.dispose();
    this.#trainer = undefined;
    const { config, model } = this.#options;
    const trainer = await StageTrainer.compile({
      config: model.config,
      weights: model.weights,
      open,
      settings: config.training,
      program: this.#options.program,
    });
    this.#trainer = { method, trainer };
    return trainer;
  }

  async #tokenize(stream: readonly StreamSample[], signal: AbortSignal): Promise<readonly Example[]> {
    const result: Example[] = [];
    for (let start = 0; start < stream.length; start += TOKENIZED_TOGETHER) {
      // Lets signals come in.
      await setImmediate();
      signal.throwIfAborted();
      for (const one of stream.slice(start, start + TOKENIZED_TOGETHER)) {
        const { turns, image } = one.sample;
        const whole = this.#options.model.processor.processTraining(turns, {
          hasImage: image !== undefined,
        });
        const tokens = truncated(whole, this.#options.config.training.maxTokens);
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

  #write(method: Method, open: OpenMethod, folder: string, state: StageState): void {
    const { projector, config } = this.#options;
    const options = { method, open, projector, baseModel: config.model };
    for (const [name, content] of Object.entries(serializeStage(state, options))) {
      writeFileAtomic(join(folder, name), content);
    }
  }

  /** A checkpoint counts only for the very same training. */
  #identity({ method, stage, task }: TrainRequest, stream: readonly StreamSample[]): string {
    const { training, seed, provider, baseWeights } = this.#options.config;
    const settings = methodSettingsOf(this.#options.config, this.#methodOf(method));
    const hash = createHash('sha256');
    hash.update(JSON.stringify({ method, stage, task, settings, training, seed, provider, baseWeights }));
    // One by one: the turns of a large data set are more than one string should hold.
    for (const { sample, task: from } of stream) {
      hash.update(JSON.stringify([from, sample.id, sample.turns]));
    }
    return hash.digest('hex');
  }
}

/** A stage that looked at later tasks would not be the same in a stream that goes on otherwise. */
function samplesOfKnown({ method, samplesOf }: TrainRequest, known: readonly TaskName[], name: string) {
  if (!known.some((task) => task === name)) {
    throw new Error(`internal: ${method} asked for samples of ${name}, which comes later`);
  }
  return samplesOf(name);
}

/** A conversation without what lies behind `most` tokens. */
function truncated(tokens: TrainingTokens, most: number): TrainingTokens {
  if (tokens.inputIds.length <= most) return tokens;
  return { inputIds: tokens.inputIds.slice(0, most), trained: tokens.trained.slice(0, most) };
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
