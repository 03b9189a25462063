// Where a run's data lies. The embedded data is built here when it is first needed; everything else is the user's own and
// is only looked for.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { RunConfig } from '../config/schema.ts';
import { awaitFolder } from '../formats/files/lock.ts';
import type { TaskSource } from '../tasks/task.ts';

const nanoSizes = { trainSamples: 500, testSamples: 100 };
/** How long a run waits for another that draws the same data. */
const patienceMs = 300_000;

export interface DataOptions {
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
  { onBuild, onWait }: DataOptions = {},
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
