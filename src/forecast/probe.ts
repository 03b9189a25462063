// A few real training steps and a few real answers, to learn how fast this machine is before a run begins. What they
// train and answer is thrown away.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { present } from '../base/errors.ts';
import type { Catalogue } from '../config/catalogue.ts';
import { planRun, type TrainStep } from '../config/plan.ts';
import { questionsOf, trainSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import type { RunEngine } from '../engine/contract.ts';
import type { TaskSource, TrainSample } from '../tasks/task.ts';

export interface SpeedProbeResult {
  /** Batches trained and timed, after a first one that is not; absent where the run trains nothing. */
  readonly training?: { readonly batches: number; readonly samples: number; readonly seconds: number };
  /** Answers timed, after a first one that is not. */
  readonly answers: { readonly samples: number; readonly seconds: number };
  /** Largest resident memory of this process so far, bytes. */
  readonly peakMemory: number;
  readonly task: string;
}

export interface SpeedProbeOptions {
  /** Batches are not larger, whatever the configuration says: what the machine's memory holds. */
  readonly largestBatch?: number;
  /** Seconds that whole batches, and then many answers, may take; single ones are always timed. */
  readonly seconds?: number;
  /** Told what is tried, in words. */
  readonly onStep?: (text: string) => void;
}

const timedBatches = 3;
/** Answers timed first; the others follow where these were fast enough. */
const firstAnswers = 2;

/**
 * Trains a few batches of the first task with the run's first method that trains, and answers a few of its questions:
 * single samples first, then as many together as the run will, where that takes no longer than it may.
 * @param openEngine given the probe's configuration: no accumulation, no checkpoints.
 */
export async function probeRun(
  config: RunConfig,
  catalogue: Catalogue,
  source: TaskSource,
  openEngine: (config: RunConfig) => Promise<RunEngine>,
  {
    largestBatch = Number.POSITIVE_INFINITY,
    seconds: allowed = 60,
    onStep = () => {},
  }: SpeedProbeOptions = {},
): Promise<SpeedProbeResult> {
  const [first] = config.tasks;
  const probed: RunConfig = {
    ...config,
    training: {
      ...config.training,
      epochs: 1,
      accumulation: 1,
      taskBatchSizes: {},
      batchSize: Math.min(
        largestBatch,
        config.training.taskBatchSizes[present(first, 'a task')] ?? config.training.batchSize,
      ),
      checkpointEverySteps: 0,
    },
  };
  const folder = mkdtempSync(join(tmpdir(), 'coin-probe-'));
  const engine = await openEngine(probed);
  try {
    const step = planRun(config, catalogue).find((planned) => planned.kind === 'train');
    const trainBatchesOf = (batchSize: number) => {
      onStep(`training on batches of ${batchSize}`);
      const sized = { ...probed, training: { ...probed.training, batchSize } };
      const place = join(folder, `batches-of-${batchSize}`);
      return trainSome(engine, sized, step as TrainStep, place, (name) =>
        trainSamples(config, source, catalogue.tasks.get(name)),
      );
    };
    let training = step === undefined ? undefined : await trainBatchesOf(1);
    const { batchSize } = probed.training;
    if (training !== undefined && batchSize > 1) {
      const expected = (training.seconds / Math.max(1, training.samples)) * batchSize * (timedBatches + 1);
      if (expected <= allowed) training = await trainBatchesOf(batchSize);
    }
    const task = step?.task ?? present(first, 'a task');
    const samples = questionsOf(config, source, catalogue.tasks.get(task));
    const answer = async (count: number) => {
      onStep(`${count} answers`);
      const times: number[] = [];
      await engine.evaluate({
        config: probed,
        signal: new AbortController().signal,
        task,
        samples: samples.slice(0, count),
        predictionFile: join(folder, `${count}-answers.jsonl`),
        onProgress: () => void times.push(performance.now()),
      });
      const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000;
      return { samples: Math.max(0, times.length - 1), seconds };
    };
    let answers = await answer(firstAnswers);
    const many = 2 * Math.min(32, config.evaluation.slots);
    if ((answers.seconds / Math.max(1, answers.samples)) * many <= allowed) answers = await answer(many);
    return {
      training,
      answers,
      peakMemory: process.resourceUsage().maxRSS * 1024,
      task,
    };
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function trainSome(
  engine: RunEngine,
  config: RunConfig,
  step: TrainStep,
  folder: string,
  samplesOf: (task: string) => readonly TrainSample[],
): Promise<NonNullable<SpeedProbeResult['training']>> {
  const { batchSize } = config.training;
  const adapterFolder = join(folder, 'adapter');
  mkdirSync(adapterFolder, { recursive: true });
  const times: number[] = [];
  await engine.trainStage({
    config,
    signal: new AbortController().signal,
    method: step.method,
    stage: 1,
    task: step.task,
    tasks: [step.task],
    samplesOf: (task) => samplesOf(task).slice(0, batchSize * (timedBatches + 1)),
    adapterFolder,
    checkpointFolder: join(folder, 'checkpoint'),
    onProgress: () => void times.push(performance.now()),
  });
  // The first batch pays for what is made once.
  const batches = Math.max(0, times.length - 1);
  return { batches, samples: batches * batchSize, seconds: ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000 };
}
