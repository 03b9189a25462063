// What the patch features of a run's images take, and where they are kept between two uses. Computes none.

import type { Catalogue } from '../config/catalogue.ts';
import { planRun } from '../config/plan.ts';
import { trainSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import { featureCache } from '../config/sources.ts';
import type { LlavaConfig } from '../models/llava/config.ts';
import type { TaskName } from '../tasks/index.ts';
import type { TaskSource } from '../tasks/task.ts';

export interface FeatureStorage {
  /** Bytes of the features of the largest training set. */
  readonly stage: number;
  /** Bytes that an engine keeps in memory at most. */
  readonly memory: number;
  /** Bytes on disk at most; 0 where the disk is not used. */
  readonly disk: number;
  /** Whether memory or disk holds a stage's features, so that its images go through the tower once. */
  readonly isKept: boolean;
}

/** @param stageImages of the largest training set. */
export function featureStorage(
  config: Pick<RunConfig, 'cache' | 'output'>,
  { imageTokens, vision }: Pick<LlavaConfig, 'imageTokens' | 'vision'>,
  stageImages: number,
): FeatureStorage {
  const stage = stageImages * imageTokens * vision.hiddenSize * Float32Array.BYTES_PER_ELEMENT;
  const disk = featureCache(config)?.maxBytes ?? 0;
  const memory = config.cache.memoryBytes;
  return { stage, memory, disk, isKept: stage <= Math.max(memory, disk) };
}

/** The largest of what the stages that train count in their tasks together. */
export function largestStage(
  config: RunConfig,
  catalogue: Catalogue,
  count: (task: TaskName) => number,
): number {
  const stages = planRun(config, catalogue).map((step) => (step.kind === 'train' ? step.tasks : []));
  return Math.max(0, ...stages.map((tasks) => tasks.reduce((total, task) => total + count(task), 0)));
}

/** What it costs a run that its features are not kept, in words; undefined where they are. */
export function featureWarning(
  config: RunConfig,
  catalogue: Catalogue,
  model: Pick<LlavaConfig, 'imageTokens' | 'vision'>,
  source: TaskSource,
): string | undefined {
  const count = (task: TaskName) =>
    new Set(trainSamples(config, source, catalogue.tasks.get(task)).flatMap(({ image }) => image ?? [])).size;
  const images = new Map(config.tasks.map((task) => [task, count(task)]));
  const largest = largestStage(config, catalogue, (task) => images.get(task) ?? 0);
  const { stage, memory, disk, isKept } = featureStorage(config, model, largest);
  if (isKept) return undefined;
  const place = disk === 0 ? 'none on disk' : `${gigabytes(disk)} on disk`;
  return `Image features: ${gigabytes(stage)} for the largest stage, kept are ${gigabytes(memory)} in memory and ${place}. Images go through the vision tower again in every epoch; cache.use and a larger cache.maxBytes spare that.`;
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toPrecision(2)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
