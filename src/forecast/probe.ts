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

export interface ProbeResult {
  /** Batches trained and timed, after a first one that is not; absent where the run trains nothing. */
  readonly training?: { readonly batches: number; readonly samples: number; readonly seconds: number };
  /** Answers timed, after a first one that is not. */
  readonly answers: { readonly samples: number; readonly seconds: number };
  /** Largest resident memory of this process so far, bytes. */
  readonly peakMemory: number;
  readonly task: string;
}

const timedBatches = 3;

/**
 * Trains a few batches of the first task with the run's first method that trains, and answers a few of its questions.
 * @param openEngine given the probe's configuration: single batches, no checkpoints.
 */
export async function probeRun(
  config: RunConfig,
  catalogue: Catalogue,
  source: TaskSource,
  openEngine: (config: RunConfig) => Promise<RunEngine>,
): Promise<ProbeResult> {
  const [first] = config.tasks;
  const probed: RunConfig = {
    ...config,
    training: {
      ...config.training,
      epochs: 1,
      accumulation: 1,
      taskBatchSizes: {},
      batchSize: config.training.taskBatchSizes[present(first, 'a task')] ?? config.training.batchSize,
      checkpointEverySteps: 0,
    },
  };
  const folder = mkdtempSync(join(tmpdir(), 'coin-probe-'));
  const engine = await openEngine(probed);
  try {
    const step = planRun(config, catalogue).find((planned) => planned.kind === 'train');
    const training =
      step === undefined
        ? undefined
        : await trainSome(engine, probed, step, folder, (name) =>
            trainSamples(config, source, catalogue.tasks.get(name)),
          );
    const task = step?.task ?? present(first, 'a task');
    const samples = questionsOf(config, source, catalogue.tasks.get(task)).slice(
      0,
      2 * Math.min(32, config.evaluation.slots),
    );
    const times: number[] = [];
    await engine.evaluate({
      config: probed,
      signal: new AbortController().signal,
      task,
      samples,
      predictionFile: join(folder, 'answers.jsonl'),
      onProgress: () => void times.push(performance.now()),
    });
    const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000;
    return {
      training,
      answers: { samples: Math.max(0, times.length - 1), seconds },
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
): Promise<NonNullable<ProbeResult['training']>> {
  const { batchSize } = config.training;
  const adapterFolder = join(folder, 'adapter');
  mkdirSync(adapterFolder);
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
