// Where a run's model and data lie. The embedded data is built here when it is first needed; everything else is the
// user's own and is only looked for.
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { packageFolder } from '../base/package.ts';
import type { DiskCacheOptions } from '../formats/files/disk-cache.ts';
import { awaitFolder } from '../formats/files/lock.ts';
import { readJsonObject } from '../formats/records/json.ts';
import { COMPOSITION_FILE, isModelFolder } from '../models/llava/sources.ts';
import type { TaskSource } from '../tasks/task.ts';
import type { RunConfig } from './schema.ts';

const nanoSizes = { trainSamples: 500, testSamples: 100 };
/** How long a run waits for another that draws the same data. */
const patienceMs = 300_000;

/** The folder of the model's files. Throws UserError when it does not exist. */
export function locateModel({ model }: Pick<RunConfig, 'model'>): string {
  const named = model === 'nano' ? join(packageFolder, 'assets', 'nano') : model;
  const folder = basename(named) === COMPOSITION_FILE ? dirname(named) : named;
  if (isModelFolder(folder)) {
    refuseOtherFamilies(folder);
    return folder;
  }
  throw new UserError({
    file: folder,
    message: existsSync(folder)
      ? `expected a model, found neither config.json nor ${COMPOSITION_FILE}`
      : 'no such folder',
    field: 'model',
    hint: `expected nano, or a folder: as llava-hf or liuhaotian/llava-v1.5 publish it, or with a ${COMPOSITION_FILE} that names decoder, projector and vision tower`,
  });
}

/** The reference's other models are told by name, so that nobody looks for a mistake in their files. */
function refuseOtherFamilies(folder: string): void {
  const file = join(folder, 'config.json');
  const type = existsSync(file) ? readJsonObject(file).model_type : undefined;
  if (typeof type !== 'string' || !/^(?:qwen|minigpt)/i.test(type)) return;
  throw new UserError({
    file,
    field: 'model_type',
    message: `a model of the type "${type}" cannot be trained here, only LLaVA's family can`,
    hint: '`coin score --model qwen` or `--model minigpt` scores answers that it has given elsewhere',
  });
}

/** Where image features are kept between runs; undefined where they are not. */
export function featureCache({
  cache: { use, folder, maxBytes },
  output,
}: Pick<RunConfig, 'cache' | 'output'>): DiskCacheOptions | undefined {
  if (!use || maxBytes === 0) return undefined;
  return { folder: folder ?? join(dirname(resolve(output)), 'feature-cache'), maxBytes };
}

export interface PrepareOptions {
  /** Told of the folder before data is built there, which takes a while. */
  readonly onBuild?: (folder: string) => void;
  /** Told, in a sentence, when another run is building the same data. */
  readonly onWait?: (why: string) => void;
}

/**
 * The data of a run. `nano` is built once, in a folder beside the run's that all runs there share.
 * @throws UserError when a data folder does not exist or the disk is full.
 */
export async function prepareData(
  config: RunConfig,
  runFolder: string,
  { onBuild, onWait }: PrepareOptions = {},
): Promise<TaskSource> {
  const { benchmark, instructionType } = config;
  if (benchmark !== 'nano') {
    if (!existsSync(benchmark)) {
      throw new UserError({
        file: benchmark,
        field: 'benchmark',
        message: 'no such folder',
        hint: `expected nano, or a folder that holds Instructions_${instructionType}/ and cl_dataset/`,
      });
    }
    return { root: benchmark, instructionType };
  }
  if (instructionType !== 'Original') {
    throw new UserError(`the embedded data has the instruction type Original only, found ${instructionType}`);
  }
  const trainPerTask = countOf(config.trainSamples, nanoSizes.trainSamples);
  const testPerTask = countOf(config.testSamples, nanoSizes.testSamples);
  const root = join(dirname(resolve(runFolder)), `nano-data-${trainPerTask}-${testPerTask}`);
  const release = await awaitFolder(root, { patienceMs, onWait });
  try {
    if (!existsSync(join(root, 'manifest.json'))) onBuild?.(root);
    // Loaded only here: it brings the world of images with it.
    const { buildNanoData } = await import('../nano/world/build.ts');
    await buildNanoData({ folder: root, trainPerTask, testPerTask });
  } finally {
    release();
  }
  return { root, instructionType };
}

function countOf(limit: RunConfig['testSamples'], all: number): number {
  return typeof limit === 'number' ? limit : all;
}
