// `coin model inspect`: what it says of a whole model, of one that lacks parts, and of a folder that is none.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFolder } from '../../src/base/package.ts';
import { inspectModel, type MemoryEstimate } from '../../src/forecast/inspection.ts';
import { llava } from '../../src/models/llava/index.ts';
import { renderInspection } from '../../src/report/terminal/model.ts';
import { buildIfStale, commandLine } from '../support/built.ts';

const nano = join(packageFolder, 'assets', 'nano');
const folder = mkdtempSync(join(tmpdir(), 'coin-inspect-'));
const broken = join(folder, 'broken');

beforeAll(() => {
  buildIfStale();
  cpSync(nano, broken, { recursive: true });
  rmSync(join(broken, 'tokenizer.json'));
  rmSync(join(broken, 'preprocessor_config.json'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function coin(...parameters: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, ...parameters], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const total = (estimate: MemoryEstimate | undefined) =>
  estimate === undefined
    ? Number.NaN
    : estimate.weightBytes + estimate.trainedBytes + estimate.activationBytes;

describe('a whole model', () => {
  const inspection = inspectModel(nano, llava, { rank: 16, batches: [1, 4] });
  const numbers = inspection.parts.reduce((sum, { parameters }) => sum + parameters, 0);
  const estimate = (use: string, weights: string, batch: number) =>
    inspection.memory.find((row) => row.use === use && row.baseWeights === weights && row.batch === batch);

  it('is said part by part', () => {
    expect(inspection).toMatchObject({
      layout: 'transformers',
      template: 'roles',
      tokenizer: { bosId: 1, eosId: 2 },
      images: '96 × 96 pixels, 64 tokens each',
      facts: { transform: { outputSize: { width: 96, height: 96 } } },
      targets: {
        modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
        layers: 42,
      },
      issues: [],
    });
    expect(inspection.parts.map(({ name, types }) => [name, types])).toEqual(
      ['vision tower', 'projector', 'embeddings', 'decoder layers', 'head'].map((name) => [name, ['F16']]),
    );
    expect(numbers).toBe(8_338_432);
    expect(inspection.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(2 * numbers);
  });

  it('takes memory that grows with what is asked of it', () => {
    expect(inspection.memory).toHaveLength(12);
    const training = estimate('training', 'float32', 1);
    expect(training).toMatchObject({ weightBytes: 4 * numbers, tokens: 64 + 128 });
    // A and B of every adapted layer and the projector, each with gradient and two moments.
    expect(training?.trainedBytes).toBe(4 * (estimate('answering', 'float32', 1)?.trainedBytes ?? 0));
    const wider = inspectModel(nano, llava, { rank: 32, batches: [1] }).memory[0];
    expect(wider?.trainedBytes).toBeGreaterThan(training?.trainedBytes ?? 0);
    expect(total(estimate('training', 'float32', 4))).toBeGreaterThan(2 * total(training));
    expect(total(estimate('answering', 'float32', 1))).toBeLessThan(total(training));
    const weights = (kind: string) => estimate('answering', kind, 1)?.weightBytes ?? 0;
    expect(weights('int4')).toBeLessThan(weights('int8'));
    expect(weights('int8')).toBeLessThan(weights('float32'));
  });

  it('is written as a table that fits', () => {
    const text = renderInspection(inspection, { width: 80, color: false });
    expect(text).toMatch(/^in all {2,}8,338,432 /m);
    expect(text).toContain('adapters   q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj: 42');
    expect(text).toMatch(/^training {3}int4 .* MB$/m);
    expect(text).toMatch(/Nothing is missing\.$/);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(renderInspection(inspection, { width: 80, color: true })).toContain('\u001b[1m');
  });
});

describe('the command', () => {
  it('prints JSON, and says by its status whether something is missing', () => {
    const { status, stdout, stderr } = coin(
      'model',
      'inspect',
      'nano',
      '--json',
      '--rank',
      '4',
      '--batch',
      '1',
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ rank: 4, issues: [], memory: { length: 6 } });
    expect(coin('model', 'inspect', broken)).toMatchObject({
      status: 2,
      stdout: expect.stringMatching(
        /Missing or wrong\n.*: expected tokenizer\.json or tokenizer\.model, found neither\n {2}hint: .*\n.*: expected preprocessor_config\.json, or image_processor .*, found neither\n$/,
      ),
    });
  });

  it('says what it can of a damaged checkpoint', () => {
    writeFileSync(join(broken, 'model.safetensors'), 'version https://git-lfs.github.com/spec/v1\n');
    const { status, stdout } = coin('model', 'inspect', broken);
    expect(status).toBe(2);
    expect(stdout).toMatch(
      /model\.safetensors: not a safetensors file, or damaged: .*\n {2}hint: this is a Git LFS pointer/,
    );
    expect(coin('model', 'inspect', 'nowhere')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^nowhere: model: no such folder\n/),
    });
  });
});
