// `coin plan`: what it says of a run agrees with what the run then does, with a probe and without.

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtIn } from '../../src/config/catalogue.ts';
import { loadConfig } from '../../src/config/load.ts';
import { trainSamples } from '../../src/config/samples.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { estimateRun } from '../../src/forecast/estimate.ts';
import { openLlava } from '../../src/models/llava/model.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { writeToyModel } from '../support/toy-model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-plan-'));
const [model, data] = [join(root, 'model'), join(root, 'data')];
const yaml = join(root, 'toy.yaml');
const source = { root: data, instructionType: 'Original' };

beforeAll(async () => {
  buildIfStale();
  await writeToyModel(model);
  await buildNanoData({ folder: data, trainPerTask: 12, testPerTask: 6 });
  writeFileSync(
    yaml,
    `model: model
benchmark: data
tasks: [GQA, ScienceQA]
methods: [lora, joint]
adapter: {rank: 4, alpha: 8, dropout: 0, experts: 2}
training: {batchSize: 2, taskBatchSizes: {ScienceQA: 3}, accumulation: 2}
evaluation: {maxNewTokens: 3}
cache: {use: false}
`,
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function plan(...parameters: readonly string[]) {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, 'plan', ...parameters], {
    cwd: root,
    encoding: 'utf8',
    env,
  });
  return { status, stdout, stderr };
}

describe('without a probe', () => {
  it('counts steps, samples and answers, and runs nothing', () => {
    const { status, stdout, stderr } = plan(yaml, '--no-probe', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { stages, trainable, disk, probe } = JSON.parse(stdout);
    expect(probe).toBeUndefined();
    const rows = stages.map((stage: Record<string, { samples?: number; steps?: number }>) => [
      stage.method,
      stage.task,
      stage.train?.samples,
      stage.train?.steps,
      stage.evaluation?.samples,
    ]);
    expect(rows).toEqual([
      ['zero-shot', '', undefined, undefined, 12],
      // 12 samples in batches of 2, two batches a step; then in batches of 3.
      ['LoRA', 'GQA', 12, 3, 6],
      ['LoRA', 'ScienceQA', 12, 2, 12],
      ['Joint', 'ScienceQA', 24, 4, 12],
    ]);
    expect(stages[1].train.hours).toBeUndefined();
    expect(disk.adapters).toBe(4 * (2 * trainable.lora + trainable.joint));
  });

  it('counts the tokens that training then sees, where few samples need no guess', async () => {
    const config = loadConfig(yaml, {});
    const opened = openLlava(model);
    const { steps } = await estimateRun(config, builtIn, opened, source);
    const lengths = trainSamples(config, source, builtIn.tasks.get('GQA')).map(
      ({ turns, image }) =>
        opened.prompts.conversation(turns, { image: image === undefined ? undefined : { rows: 64 } }).inputIds
          .length,
    );
    const train = steps.find(({ step }) => step.key === 'lora/1-GQA/train');
    expect(train?.tokens).toBeCloseTo(
      lengths.reduce((sum, length) => sum + length, 0),
      6,
    );
  });

  it('holds the decoder in as many bits as are chosen', () => {
    const weights = (kind: string) =>
      JSON.parse(plan(yaml, '--no-probe', '--json', '--set', `baseWeights=${kind}`).stdout).memory.weights;
    const { parameters, memory } = JSON.parse(plan(yaml, '--no-probe', '--json').stdout);
    expect(memory.weights).toBe(4 * parameters);
    const numbers = [...openLlava(model).matrices.values()].map(({ inputs, outputs }) => ({
      all: inputs * outputs,
      outputs,
    }));
    const saved = numbers.reduce((total, { all, outputs }) => total + 3 * all - 4 * outputs, 0);
    expect(weights('int8')).toBe(4 * parameters - saved);
    expect(weights('int4')).toBeLessThan(4 * parameters);
  });

  it('as a table', () => {
    const { stdout } = plan(yaml, '--no-probe');
    expect(stdout).toMatch(/^toy: 2 tasks, a model of /);
    expect(stdout).toMatch(/^LoRA 1 +GQA +3 +12 /m);
    expect(stdout).toMatch(/^all .* 9 +48 /m);
    expect(stdout).toContain('No probe: no times.');
    expect(stdout).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('of a model of which the configuration alone is there', () => {
  function planOf(name: string, files: readonly string[], ...parameters: readonly string[]) {
    const folder = join(root, name);
    mkdirSync(folder);
    for (const file of files) copyFileSync(join(model, file), join(folder, file));
    return plan(yaml, '--model', folder, ...parameters);
  }

  it('sizes, ranks and steps are those of the whole model; tokens are guessed, and it says so', () => {
    const whole = JSON.parse(plan(yaml, '--no-probe', '--json').stdout);
    const { status, stdout, stderr } = planOf('config-alone', ['config.json'], '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const alone = JSON.parse(stdout);
    for (const key of ['parameters', 'trainable', 'budget', 'sizes', 'features']) {
      expect(alone[key], key).toEqual(whole[key]);
    }
    expect(alone.memory).toMatchObject({ weights: whole.memory.weights, training: whole.memory.training });
    const steps = ({ stages }: { stages: readonly { train?: { steps: number } }[] }) =>
      stages.map(({ train }) => train?.steps);
    expect(steps(alone)).toEqual(steps(whole));
    expect(alone.stages[1].train.tokens).toBeGreaterThan(0);
    expect(alone.probe).toBeUndefined();
    expect(alone.unknown).toEqual([
      expect.stringContaining('weights are not there'),
      expect.stringContaining('tokens are guessed'),
    ]);
    expect(whole.unknown).toBeUndefined();
  });

  it('with its tokenizer, tokens are counted', () => {
    const whole = JSON.parse(plan(yaml, '--no-probe', '--json').stdout);
    const files = readdirSync(model).filter((name) => name.endsWith('.json'));
    const { stages, unknown } = JSON.parse(planOf('no-weights', files, '--json').stdout);
    expect(stages).toEqual(whole.stages);
    expect(unknown).toEqual([expect.stringContaining('weights are not there')]);
  });

  it('is planned in words, and is not run', () => {
    const { stdout } = planOf('in-words', ['config.json']);
    expect(stdout).toContain('No probe: no times.');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('The weights are not there: parameters are those');
    const run = spawnSync(
      process.execPath,
      [commandLine, 'run', yaml, '--model', join(root, 'in-words'), '--output', join(root, 'never')],
      { cwd: root, encoding: 'utf8' },
    );
    expect(run.status).toBe(2);
    expect(run.stderr).toContain("expected the model's weights in this folder");
    expect(existsSync(join(root, 'never'))).toBe(false);
  });
});

it('a probe gives times, and leaves nothing behind', () => {
  const before = readdirSync(root);
  const { status, stdout, stderr } = plan(yaml, '--json');
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(/^Probing: training on batches of 1\n/),
  });
  const { stages, probe } = JSON.parse(stdout);
  expect(probe.training).toMatchObject({ batches: 3, samples: 6 });
  expect(probe.answers.samples).toBe(5);
  for (const stage of stages.slice(1)) {
    expect(stage.train.hours).toBeGreaterThan(0);
    expect(stage.evaluation.hours).toBeGreaterThan(0);
  }
  expect(readdirSync(root)).toEqual(before);
});

it('a batch size of a task holds, and a conversation loses what is behind maxTokens', async () => {
  const config = {
    ...loadConfig(yaml, {}),
    output: join(root, 'x'),
  };
  const engine = await openEngine({ config, modelFolder: model });
  const steps = async (task: 'GQA' | 'ScienceQA', stage: number) => {
    let total = 0;
    const adapterFolder = mkdtempSync(join(root, 'adapter-'));
    await engine.trainStage({
      config,
      signal: new AbortController().signal,
      method: 'lora',
      stage,
      task,
      tasks: [task],
      samplesOf: (name) => trainSamples(config, source, builtIn.tasks.get(name)),
      adapterFolder,
      checkpointFolder: join(adapterFolder, 'checkpoint'),
      onProgress: ({ steps: count }) => {
        total = count;
      },
    });
    return total;
  };
  expect(await steps('GQA', 1)).toBe(3);
  expect(await steps('ScienceQA', 2)).toBe(2);
  await engine.close();
  const short = { ...config, training: { ...config.training, maxTokens: 4 } };
  const cut = await openEngine({ config: short, modelFolder: model });
  await expect(
    cut.trainStage({
      config: short,
      signal: new AbortController().signal,
      method: 'lora',
      stage: 1,
      task: 'GQA',
      tasks: ['GQA'],
      samplesOf: (name) => trainSamples(short, source, builtIn.tasks.get(name)),
      adapterFolder: mkdtempSync(join(root, 'adapter-')),
      checkpointFolder: join(root, 'no'),
      onProgress: () => {},
    }),
  ).rejects.toThrow(/sample .* of GQA has no answer within training\.maxTokens \(4 tokens\)/);
  await cut.close();
});
