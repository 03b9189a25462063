// What the patch features of a run's images take, and where they are kept between two uses. Computes none.

import type { Catalogue } from '../config/catalogue.ts';
import { planRun } from '../config/plan.ts';
import { trainSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import { featureCache } from '../engine/feature-cache.ts';
import type { ModelShape, ModelSketch } from '../models/family.ts';
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

/** @param stageRows rows of features of the images of the largest training set. */
export function featureStorage(
  config: Pick<RunConfig, 'cache' | 'output'>,
  { featureSize }: Pick<ModelShape, 'featureSize'>,
  stageRows: number,
): FeatureStorage {
  const stage = stageRows * featureSize * Float32Array.BYTES_PER_ELEMENT;
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
export async function featureWarning(
  config: RunConfig,
  catalogue: Catalogue,
  model: Pick<ModelSketch, 'images' | 'shape'>,
  source: TaskSource,
): Promise<string | undefined> {
  const rows = new Map<TaskName, number>();
  for (const task of config.tasks) {
    const files = [
      ...new Set(trainSamples(config, source, catalogue.tasks.get(task)).flatMap(({ image }) => image ?? [])),
    ];
    rows.set(task, files.length * (await meanRows(model, files)));
  }
  const largest = largestStage(config, catalogue, (task) => rows.get(task) ?? 0);
  const { stage, memory, disk, isKept } = featureStorage(config, model.shape, largest);
  if (isKept) return undefined;
  const place = disk === 0 ? 'none on disk' : `${gigabytes(disk)} on disk`;
  return `Image features: ${gigabytes(stage)} for the largest stage, kept are ${gigabytes(memory)} in memory and ${place}. Images go through the vision tower again in every epoch; cache.use and a larger cache.maxBytes spare that.`;
}

/** Rows of features that an image has, by some of them; 0 where there are none. */
export async function meanRows(
  { images }: Pick<ModelSketch, 'images'>,
  files: readonly string[],
): Promise<number> {
  const layouts = await images.layouts(spread(files));
  return layouts.reduce((total, { rows }) => total + rows, 0) / Math.max(1, layouts.length);
}

/** How many samples of a task are looked at; the others are taken to be like them. */
const lookedAt = 64;

/** Some samples at equal distances. */
export function spread<T>(samples: readonly T[]): readonly T[] {
  const count = Math.min(lookedAt, samples.length);
  return Array.from(
    { length: count },
    (_, index) => samples[Math.floor((index * samples.length) / count)] as T,
  );
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toPrecision(2)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
