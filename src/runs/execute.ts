// Executes a plan step by step with an engine that it is given. Running again continues: a complete step is passed over,
// an incomplete one is done again from its checkpoint or its partial predictions. Shows nothing; an observer may.

import { dirname, join } from 'node:path';
import type { Catalogue } from '../config/catalogue.ts';
import { type EvaluateStep, planRun, type Step, type TrainStep, trainedStage } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import { questionsOf, trainSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import type { RunEngine } from '../engine/contract.ts';
import { makeFolder, publishFolder, remove, removeTemporaryFiles } from '../formats/files/files.ts';
import { lockFolder, requireHeld } from '../formats/files/lock.ts';
import { systemError } from '../formats/files/system-errors.ts';
import type { TaskName } from '../tasks/index.ts';
import { partialFiles, readPartialPredictions, writePredictions } from '../tasks/predictions.ts';
import type { TaskSource } from '../tasks/task.ts';
import { asideOf, Completion, leftoversOf } from './completion.ts';
import { RunInterrupted } from './interrupted.ts';
import { claimRunFolder } from './run-folder.ts';
import { StepBoard } from './step-board.ts';

export interface ExecuteOptions {
  readonly config: RunConfig;
  /** By default what the package and the configuration's plug-ins bring. */
  readonly catalogue?: Catalogue;
  /** The folder of the run; made if it is missing. */
  readonly folder: string;
  readonly source: TaskSource;
  /** Called, and waited for, once the folder is ours and before anything else, whether or not steps are left. */
  readonly prepare?: (folder: string) => unknown;
  /** Called when steps are left, before the first: looks at the data, and says what of it is passed over. */
  readonly checkData?: () => Promise<TaskSource>;
  /** Called once the zero-shot answers are there, before the first training that is left; what it throws ends the run. */
  readonly beforeTraining?: () => void | Promise<void>;
  /** Called only when there is something to do, once for each job that finds a step to work on. */
  readonly openEngine: () => Promise<RunEngine>;
  /** Steps done side by side, each by an engine of its own; 1 by default. */
  readonly jobs?: number;
  readonly observer?: RunObserver;
  readonly signal?: AbortSignal;
}

/** A step, what it works through, and whether it was complete at the start. */
export interface PlannedStep {
  readonly step: Step;
  /** Samples to train on (over all epochs) or to answer. */
  readonly samples: number;
  readonly complete: boolean;
}

export interface StepProgress {
  readonly done: number;
  readonly total: number;
  readonly unit: 'steps' | 'samples';
  readonly samplesPerSecond: number;
  readonly loss?: number;
}

/** Told of everything that happens; used to show progress. */
export interface RunObserver {
  runStarted?(steps: readonly PlannedStep[]): void;
  stepStarted?(step: Step): void;
  stepProgress?(step: Step, progress: StepProgress): void;
  stepFinished?(step: Step): void;
}

/**
 * Executes what is left of a run. Returns how many steps it executed: 0 when the run was finished.
 * @throws RunInterrupted after `signal`; UserError when the folder is in use or belongs to another configuration, and
 * for bad data, all of which is read before the first step.
 */
export async function executeRun(options: ExecuteOptions): Promise<number> {
  const { config, catalogue = catalogueOf(options.config), folder, prepare } = options;
  const release = lockFolder(folder);
  try {
    claimRunFolder(folder, config, catalogue);
    removeTemporaryFiles(folder);
    await prepare?.(folder);
    const completion = new Completion(folder);
    const steps = planRun(config, catalogue);
    const complete = steps.filter((step) => completion.isComplete(step));
    // A process that was killed right after a step was recorded had no time to clear up.
    for (const step of complete) remove(...leftoversOf(folder, step));
    if (complete.length === steps.length) return 0;
    const source = (await options.checkData?.()) ?? options.source;
    return await new Execution({ ...options, catalogue, source }, completion).run(steps);
  } finally {
    release();
  }
}

class Execution {
  readonly #options: ExecuteOptions & { readonly catalogue: Catalogue };
  readonly #completion: Completion;
  readonly #observer: RunObserver;
  readonly #signal: AbortSignal;
  /** Aborted when a job failed. */
  readonly #failed = new AbortController();
  /** Either of the two. */
  readonly #stop: AbortSignal;
  #failure: { readonly error: unknown } | undefined;
  #trains: Promise<void> | undefined;
  #executed = 0;

  constructor(options: ExecuteOptions & { readonly catalogue: Catalogue }, completion: Completion) {
    this.#options = options;
    this.#completion = completion;
    this.#observer = options.observer ?? {};
    this.#signal = options.signal ?? new AbortController().signal;
    this.#stop = AbortSignal.any([this.#signal, this.#failed.signal]);
  }

  async run(steps: readonly Step[]): Promise<number> {
    const planned = this.#planned(steps);
    this.#observer.runStarted?.(planned);
    const { jobs = 1 } = this.#options;
    const board = new StepBoard(steps, {
      workers: jobs,
      isComplete: (step) => this.#completion.isComplete(step),
    });
    await Promise.all(Array.from({ length: jobs }, () => this.#work(board, steps)));
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#signal.aborted && this.#left(steps) > 0) throw new RunInterrupted(this.#left(steps));
    return this.#executed;
  }

  /** One engine, step after step. What goes wrong also ends the others after their batch; the first is thrown by `run`. */
  async #work(board: StepBoard, steps: readonly Step[]): Promise<void> {
    let engine: RunEngine | undefined;
    try {
      for (let step = await board.take(); step !== undefined; step = await board.take(step)) {
        if (this.#stop.aborted) break;
        if (step.kind === 'train') await this.#beforeTraining();
        engine ??= await this.#options.openEngine();
        this.#observer.stepStarted?.(step);
        await this.#execute(engine, step, steps.slice(steps.indexOf(step)));
        this.#executed++;
        board.finish(step);
        this.#observer.stepFinished?.(step);
      }
    } catch (error) {
      const asked = error === this.#stop.reason || (error instanceof Error && error.name === 'AbortError');
      if (!(this.#stop.aborted && asked))
        this.#failure ??= { error: systemError(error, this.#options.folder) ?? error };
      this.#failed.abort();
    } finally {
      board.close();
      await engine?.close();
    }
  }

  #beforeTraining(): Promise<void> {
    this.#trains ??= Promise.resolve(this.#options.beforeTraining?.());
    return this.#trains;
  }

  async #execute(engine: RunEngine, step: Step, rest: readonly Step[]): Promise<void> {
    if (step.kind === 'train') await this.#train(engine, step, rest);
    else await this.#evaluate(engine, step);
  }

  async #train(engine: RunEngine, step: TrainStep, rest: readonly Step[]): Promise<void> {
    const { config, catalogue, source, folder } = this.#options;
    const adapterFolder = this.#path(step.adapterFolder);
    const aside = this.#path(asideOf(step));
    remove(adapterFolder, aside);
    makeFolder(aside);
    const before = this.#completion.adapterHash(step);
    const measured = await engine.trainStage({
      method: step.method,
      stage: step.stage,
      task: step.task,
      tasks: step.tasks,
      samplesOf: (task) => trainSamples(config, source, catalogue.tasks.get(task)),
      previousAdapter: step.previous && this.#path(step.previous.adapterFolder),
      adapterFolder: aside,
      checkpointFolder: this.#path(step.checkpointFolder),
      config,
      signal: this.#stop,
      onProgress: ({ step: done, steps: total, loss, samplesPerSecond }) =>
        this.#observer.stepProgress?.(step, { done, total, unit: 'steps', loss, samplesPerSecond }),
    });
    requireHeld(folder);
    publishFolder(aside, adapterFolder);
    this.#completion.record(step, step.adapterFolder, { ...measured });
    remove(...leftoversOf(folder, step));
    if (this.#completion.adapterHash(step) !== before) this.#discardBegun(step, rest);
  }

  async #evaluate(engine: RunEngine, step: EvaluateStep): Promise<void> {
    const { config, catalogue, source, folder } = this.#options;
    const samples = questionsOf(config, source, catalogue.tasks.get(step.task));
    const file = this.#path(step.predictionFile);
    const { earlierFile, partialFile } = partialFiles(file);
    remove(file);

    // What an interrupted try answered is kept.
    const known = new Set(samples.map(({ id }) => id));
    const earlier = [earlierFile, partialFile]
      .flatMap((path) => readPartialPredictions(path))
      .filter(({ question_id }) => known.has(question_id));
    const answered = new Set(earlier.map(({ question_id }) => question_id));
    if (earlier.length > 0) {
      const answeredSamples = samples.filter(({ id }) => answered.has(id));
      writePredictions(earlierFile, answeredSamples, earlier);
    }
    remove(partialFile);
    makeFolder(dirname(file));

    const left = samples.filter(({ id }) => !answered.has(id));
    const measured =
      left.length === 0
        ? { seconds: 0 }
        : await engine.evaluate({
            trained: step.trained && trainedStage(folder, step.trained),
            task: step.task,
            samples: left,
            predictionFile: partialFile,
            config,
            signal: this.#stop,
            onProgress: ({ done, samplesPerSecond }) =>
              this.#observer.stepProgress?.(step, {
                done: answered.size + done,
                total: samples.length,
                unit: 'samples',
                samplesPerSecond,
              }),
          });
    requireHeld(folder);
    writePredictions(file, samples, [...earlier, ...readPartialPredictions(partialFile)]);
    this.#completion.record(step, step.predictionFile, { ...measured });
    remove(...leftoversOf(folder, step));
  }

  /** What later stages began from an adapter that is no longer the same. */
  #discardBegun(trained: TrainStep, rest: readonly Step[]): void {
    for (const step of rest) {
      const method = step.kind === 'train' ? step.method : step.trained?.method;
      if (method === trained.method) remove(...leftoversOf(this.#options.folder, step));
    }
  }

  /** Reads all data once, so that what is wrong with the last task is said before the first one is trained. */
  #planned(steps: readonly Step[]): readonly PlannedStep[] {
    const { config, catalogue, source } = this.#options;
    const count = new Map<TaskName, { readonly train: number; readonly test: number }>(
      config.tasks.map((task) => [
        task,
        {
          train: trainSamples(config, source, catalogue.tasks.get(task)).length * config.training.epochs,
          test: questionsOf(config, source, catalogue.tasks.get(task)).length,
        },
      ]),
    );
    return steps.map((step) => {
      return {
        step,
        samples:
          step.kind === 'train'
            ? step.tasks.reduce((total, task) => total + (count.get(task)?.train ?? 0), 0)
            : (count.get(step.task)?.test ?? 0),
        complete: this.#completion.isComplete(step),
      };
    });
  }

  #left(steps: readonly Step[]): number {
    return steps.filter((step) => !this.#completion.isComplete(step)).length;
  }

  #path(below: string): string {
    return join(this.#options.folder, below);
  }
}
