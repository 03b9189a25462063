// The training half of a run's engine: a stage is handed to the driver with the checkpoint of an interrupted try, and what
// it took is measured. How a method is trained is the driver's matter.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { killable } from '../base/kill-points.ts';
import { secondsSince } from '../base/small.ts';
import { methodSettingsOf } from '../config/open-method.ts';
import type { RunConfig } from '../config/schema.ts';
import { writeFileAtomic } from '../formats/files/files.ts';
import type { Method } from '../methods/define.ts';
import type { StreamSample } from '../methods/method.ts';
import { memoryBytes } from '../methods/shared/stage-files.ts';
import { readState, serializeState } from '../training/checkpoint.ts';
import type { TrainRequest } from './contract.ts';
import type { TrainMeasurements } from './measurements.ts';
import type { DrivenMethod, MethodDriver, StageCheckpoint } from './method-driver.ts';

export async function trainStage(
  driver: MethodDriver,
  driven: DrivenMethod,
  config: RunConfig,
  request: TrainRequest,
): Promise<TrainMeasurements> {
  const started = performance.now();
  const { stage, tasks, samplesOf, previousAdapter, adapterFolder, signal } = request;
  const trained = await driver.train({
    ...driven,
    stage,
    tasks,
    samplesOf,
    previous: previousAdapter,
    folder: adapterFolder,
    checkpoint: (stream) => checkpointOf(config, driven.method, request, stream),
    signal,
    onProgress: request.onProgress,
  });
  const { state, stream, plan, steps, finalLoss, trainableParameters } = trained;
  const own = new Set<string>(tasks);
  const { parameters, passes = 1, addedTokens = 0 } = driven.open.inference(state, trained.context);
  return {
    seconds: secondsSince(started),
    steps,
    finalLoss,
    trainableParameters,
    memoryBytes: memoryBytes(state),
    inferenceParameters: [...parameters].reduce(
      (total, [name, { data }]) => total + (driver.alongside.has(name) ? 0 : data.length),
      0,
    ),
    inferencePasses: passes,
    addedTokens,
    streamSamples: stream.length,
    replayedSamples: stream.filter((sample) => !own.has(sample.task)).length,
    ...plan.measured,
  };
}

function checkpointOf(
  config: RunConfig,
  method: Method,
  request: TrainRequest,
  stream: readonly StreamSample[],
): StageCheckpoint {
  const { checkpointFolder } = request;
  const file = join(checkpointFolder, 'state.safetensors');
  const identity = identityOf(config, method, request, stream);
  return {
    resume: existsSync(file) ? readState(file, identity) : undefined,
    save: (state) => {
      // The folder above was made with the step: when it is gone, nothing is made anew in its place.
      if (!existsSync(checkpointFolder)) mkdirSync(checkpointFolder);
      const bytes = serializeState(state, identity);
      killable('checkpoint', file, () => writeFileAtomic(file, bytes));
    },
  };
}

/** A checkpoint counts only for the very same training. */
function identityOf(
  config: RunConfig,
  method: Method,
  { stage, task }: TrainRequest,
  stream: readonly StreamSample[],
): string {
  const { training, seed, provider, baseWeights } = config;
  const settings = methodSettingsOf(config, method);
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify({ method: method.name, stage, task, settings, training, seed, provider, baseWeights }),
  );
  // One by one: the turns of a large data set are more than one string should hold.
  for (const { sample, task: from } of stream) {
    hash.update(JSON.stringify([from, sample.id, sample.turns]));
  }
  return hash.digest('hex');
}
