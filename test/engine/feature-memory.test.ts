// A stage whose images' features do not fit into what may be kept of them trains to the same bytes, whether they come
// from the disk or are computed again; and the user is told what it costs.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtIn } from '../../src/config/catalogue.ts';
import type { RunConfig } from '../../src/config/load.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { featureWarning } from '../../src/forecast/feature-storage.ts';
import { listFiles, sha256OfFile } from '../../src/formats/files/files.ts';
import type { FeatureCounts } from '../../src/models/image-encoder.ts';
import { openLlava } from '../../src/models/llava/model.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { toyConfig } from '../support/toy-config.ts';
import { writeToyModel } from '../support/toy-model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-features-'));
const [model, data] = [join(root, 'model'), join(root, 'data')];
const source = { root: data, instructionType: 'Original' };
/** [64 patches, 24 numbers] of float32 each; there are 12 in a stage. */
const IMAGE = 64 * 24 * 4;

beforeAll(async () => {
  buildIfStale();
  await writeToyModel(model);
  await buildNanoData({ folder: data, trainPerTask: 12, testPerTask: 2 });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const settings = {
  model,
  benchmark: data,
  // Methods that look at the images of a whole task besides.
  methods: ['hide', 'ewc', 'smolora'],
  tasks: ['ImageNet'],
  testSamples: 2,
  trainSamples: 12,
  adapter: { rank: 4, alpha: 8, experts: 2, dropout: 0.1 },
  'training.batchSize': 2,
  'training.epochs': 2,
  'evaluation.zeroShot': false,
  'evaluation.slots': 2,
  'evaluation.maxNewTokens': 2,
  'methodSettings.ewc.samples': 6,
};

function configOf(name: string, cache: Readonly<Record<string, unknown>>): RunConfig {
  return toyConfig({ ...settings, output: join(root, name), cache });
}

async function run(config: RunConfig) {
  let counts: FeatureCounts | undefined;
  await executeRun({
    config,
    folder: config.output,
    source,
    openEngine: () =>
      openEngine({
        config,
        modelFolder: model,
        onClose: (told) => {
          counts = told;
        },
      }),
  });
  const files = listFiles(config.output).filter((file) => /adapter|predictions/.test(file));
  return {
    hashes: Object.fromEntries(files.map((file) => [file, sha256OfFile(join(config.output, file))])),
    counts: counts as FeatureCounts,
  };
}

describe('features of images beyond memory', () => {
  const bound = 3 * IMAGE;
  const disk = { folder: join(root, 'cache'), maxBytes: 1e9 };

  it('come from the tower again, or from the disk; the bytes are the same and the bound is kept', async () => {
    const inMemory = await run(configOf('memory', { use: false }));
    const again = await run(configOf('again', { use: false, memoryBytes: bound }));
    const fromDisk = await run(configOf('disk', { ...disk, memoryBytes: bound }));

    expect(Object.keys(inMemory.hashes).length).toBeGreaterThan(9);
    for (const { hashes } of [again, fromDisk]) expect(hashes).toEqual(inMemory.hashes);

    const images = inMemory.counts.computed;
    expect(inMemory.counts.memoryBytes).toBe(images * IMAGE);
    for (const { counts } of [again, fromDisk]) expect(counts.memoryBytes).toBe(bound);
    // Most of twelve images, in two epochs of three methods each.
    expect(again.counts.computed).toBeGreaterThan(2 * images);
    expect(fromDisk.counts.computed).toBe(images);
    expect(fromDisk.counts.fromDisk).toBeGreaterThan(2 * images);
  });

  it('are told of once, when neither memory nor disk holds them', async () => {
    const config = (cache: Readonly<Record<string, unknown>>) => configOf('told', cache);
    const opened = openLlava(model);
    const warning = (cache: Readonly<Record<string, unknown>>) =>
      featureWarning(config(cache), builtIn, opened, source);
    expect(await warning({ use: false })).toBeUndefined();
    expect(await warning({ ...disk, memoryBytes: 0 })).toBeUndefined();
    expect(await warning({ ...disk, maxBytes: 10, memoryBytes: 10 })).toContain(
      'go through the vision tower again',
    );
    expect(await warning({ use: false, memoryBytes: bound })).toBe(
      'Image features: 0.074 MB for the largest stage, kept are 0.018 MB in memory and none on disk. Images go through the vision tower again in every epoch; cache.use and a larger cache.maxBytes spare that.',
    );
  });
});

describe('coin generate', () => {
  it('keeps the features of its images, unless told otherwise', () => {
    const image = JSON.parse(
      readFileSync(join(data, 'Instructions_Original', 'ImageNet', 'test.json'), 'utf8'),
    )[0].image;
    const ask = (...more: readonly string[]) =>
      spawnSync(
        process.execPath,
        [
          commandLine,
          'generate',
          model,
          '--image',
          join(data, 'cl_dataset', image),
          '--prompt',
          'What is this?',
          '--max-new-tokens',
          '3',
          ...more,
        ],
        { cwd: root, encoding: 'utf8' },
      );
    const without = ask('--no-cache');
    expect(without.stderr).toBe('');
    expect(existsSync(join(root, 'runs'))).toBe(false);
    expect(ask().stdout).toBe(without.stdout);
    expect(listFiles(join(root, 'runs', 'feature-cache'))).toHaveLength(1);
    expect(ask().stdout).toBe(without.stdout);
  });
});
