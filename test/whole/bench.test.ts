// The benchmark's own parts: its worker process on a handful of samples of the embedded model, and its statistics.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Line, Worker } from '../../bench/protocol.ts';
import { type Shape, shapes } from '../../bench/shapes.ts';
import { larger, ratesWithImages, ratios, spreadOf } from '../../bench/statistics.ts';
import { countTokens, paddingShare, prepareData, readWorkload, writeWorkload } from '../../bench/workload.ts';
import { parseLlavaConfig } from '../../src/models/llava/config.ts';
import { weightShapes } from '../../src/models/llava/random-model.ts';
import { repository } from '../support/built.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the worker', () => {
  const shape: Shape = {
    ...shapes.nano,
    trainSamples: 4,
    batchSize: 2,
    testSamples: 2,
    peerTestSamples: 1,
    slots: 2,
    maxNewTokens: 3,
  };
  const lines: readonly Line[] = [
    { name: 'train', kind: 'train', options: { method: 'lora' } },
    { name: 'answer', kind: 'evaluate', options: { method: 'lora' } },
    { name: 'encode', kind: 'encode' },
    { name: 'peak', kind: 'peak' },
    { name: 'train by 2', kind: 'train', options: { method: 'lora', engines: 2 } },
    { name: 'answer by 2', kind: 'evaluate', options: { method: 'lora', engines: 2 } },
  ];
  let file: string;
  let worker: Worker;
  beforeAll(async () => {
    execFileSync('npm', ['run', 'bench:build', '--silent'], { cwd: repository, stdio: 'pipe' });
    const data = await prepareData(folder, { train: 4, test: 2 });
    file = await writeWorkload({ folder, model: join(repository, 'assets/nano'), data, shape });
    worker = new Worker(process.execPath, [join(repository, '.cache/bench/bench/worker.js')]);
  });
  afterAll(() => worker.quit());

  it('prepares lines and runs a round of each', async () => {
    const workload = readWorkload(file);
    const { versions } = await worker.prepare(file, lines);
    expect(versions.onnxruntime).toMatch(/^\d+\./);

    const once = await worker.round('train');
    expect(once).toMatchObject({ samples: 4, tokens: countTokens(workload.train) });
    expect(once.loss).toBeGreaterThan(0);
    // Forward and backward through 4.7 million weights of linear layers, at every position of two batches.
    expect(once.flops).toBeGreaterThan(2 * 2 * 4.7e6 * countTokens(workload.train));
    const twice = await worker.round('train', 2);
    expect(twice).toMatchObject({ samples: 8, flops: 2 * (once.flops as number) });

    const answer = await worker.round('answer');
    expect(answer.answers).toHaveLength(2);
    expect(answer.answers?.flat().length).toBe(answer.tokens - countTokens(workload.test));

    // Two engines train twice, and share the questions: the answers are the same.
    expect(await worker.round('train by 2')).toMatchObject({ samples: 8, flops: 2 * (once.flops as number) });
    const shared = await worker.round('answer by 2');
    expect(shared.answers).toEqual(answer.answers);
    expect(shared.tokens).toBe(answer.tokens);

    expect((await worker.round('encode')).samples).toBe(
      new Set(workload.train.map(({ image }) => image)).size,
    );
    // One product's operations, not those of all that were tried.
    const peak = await worker.round('peak');
    expect(peak.flops).toBeGreaterThan(1e9);
    expect(peak.flops).toBeLessThan(1e10);
    expect(await worker.peakMemory()).toBeGreaterThan(50e6);
  });

  it('answers a mistake with an error, and goes on', async () => {
    await expect(worker.round('nothing')).rejects.toThrow('no line "nothing"');
    expect((await worker.round('train')).samples).toBe(4);
  });
});

it('says that a worker could not be started', async () => {
  const worker = new Worker(join(folder, 'no-such-python'), []);
  await expect(worker.peakMemory()).rejects.toThrow(/no-such-python: .*ENOENT/);
  await worker.quit();
});

describe('shapes', () => {
  const weightsOf = (name: 'small' | '7b-layer' | '7b') =>
    [...weightShapes(parseLlavaConfig(shapes[name].config, name)).values()].reduce(
      (total, shape) => total + shape.reduce((a, b) => a * b, 1),
      0,
    );

  it('have the sizes that they are named after', () => {
    expect(weightsOf('small')).toBe(221_086_464);
    // LLaVA-1.5-7B as it is published.
    expect(weightsOf('7b')).toBe(7_063_427_072);
    const layer = 4 * 4096 * 4096 + 3 * 4096 * 11008;
    expect(weightsOf('7b') - weightsOf('7b-layer')).toBeGreaterThan(31 * layer);
  });
});

describe('statistics', () => {
  const round = (seconds: number, samples: number) => ({ seconds, samples, tokens: 0 });

  it('takes medians, and ratios of the same round', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
    expect(spreadOf([4, 1])).toEqual({ median: 2.5, low: 1, high: 4 });
    expect(ratios([6, 9], [2, 3])).toEqual([3, 3]);
    expect(larger([1, 5], [2, 4])).toEqual([2, 5]);
  });

  it('adds the time of images to that of samples', () => {
    expect(ratesWithImages([round(1, 4)], [round(2, 8)])).toEqual([2]);
  });

  it('counts padding up to the longest of a batch', () => {
    const samples = [1, 3, 4].map((length) => ({
      inputIds: new Array<number>(length).fill(0),
      imageAt: { at: 0, rows: 0 },
      image: 0,
    }));
    expect(paddingShare([[0, 1], [2]], samples)).toBeCloseTo(2 / 10);
  });
});
