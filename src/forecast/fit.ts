// Whether a run fits into this machine's memory, and with what batch size it would. From estimates: the runtime's own
// buffers come on top, and its fusions take away. Measures nothing.
import { totalmem } from 'node:os';
import type { RunConfig } from '../config/schema.ts';
import { largestBatch, type RunEstimate } from './estimate.ts';

export interface Fit {
  /** Bytes that this process may use: the machine's, or what its container is given. */
  readonly available: number;
  /** Engines side by side, each with all of the model. */
  readonly engines: number;
  /** Bytes of all engines. */
  readonly needed: number;
  /** The largest size of a batch that fits, among the configured one and its halves; absent where none does. */
  readonly batchSize?: number;
  /** With that size, bytes of all engines. */
  readonly neededThen?: number;
}

/** For runs on the cpu: of another device's memory nothing is known. */
export function fitOf(
  { memory: { byBatchSize } }: Pick<RunEstimate, 'memory'>,
  engines: number,
  available: number = availableMemory(),
): Fit {
  const needed = engines * (byBatchSize[0]?.bytes ?? 0);
  const fitting = byBatchSize.find(({ bytes }) => engines * bytes <= available);
  return {
    available,
    engines,
    needed,
    ...(fitting === undefined ? {} : { batchSize: fitting.batchSize, neededThen: engines * fitting.bytes }),
  };
}

/** A sentence: fits, or what would make it fit. @param bytes how a number of bytes is written. */
export function describeFit(
  { available, engines, needed, batchSize, neededThen }: Fit,
  config: Pick<RunConfig, 'training' | 'tasks'>,
  bytes: (value: number) => string,
): string {
  const all = engines === 1 ? bytes(needed) : `${bytes(needed)} for ${engines} engines side by side`;
  if (needed <= available) return `${all} of ${bytes(available)}: fits`;
  const does = `does not fit: ${all}, of ${bytes(available)}`;
  const fewer = engines > 1 ? ' --jobs 1 takes one engine.' : '';
  if (batchSize === undefined || neededThen === undefined) {
    return `${does}; not with single samples either: baseWeights: int8 or int4, or a larger machine.${fewer}`;
  }
  const { accumulation, taskBatchSizes } = config.training;
  const added = Math.ceil((accumulation * largestBatch(config)) / batchSize);
  const perTask = Object.keys(taskBatchSizes).length > 0 ? ' training.taskBatchSizes={}' : '';
  return `${does}; with training.batchSize=${batchSize} training.accumulation=${added}${perTask} it does (${bytes(neededThen)}), or with training.recompute=true, which takes less and is slower.${fewer}`;
}

function availableMemory(): number {
  // What a container is given; 0 or larger than the machine where there is no bound.
  const bound = process.constrainedMemory();
  return bound > 0 && bound < totalmem() ? bound : totalmem();
}
