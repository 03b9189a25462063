// `coin compare` as a real command, on runs of an engine whose answers are made up so that the differences are known.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunConfig } from '../../src/config/load.ts';
import type { EvaluateRequest, RunEngine } from '../../src/engine/contract.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

const images = 40;
let top: string;
let source: TaskSource;
let modelFolder: string;

/** Forty images with two questions each. */
function writeImages(): TaskSource {
  const data = writeTinyData(join(top, 'data'));
  for (let image = 0; image < images; image++) {
    writeFileSync(join(data.root, 'cl_dataset', `${image}.png`), Buffer.from([137, 80, 78, 71]));
  }
  for (const [task, name] of [
    ['VQAv2', 'val.json'],
    ['ImageNet', 'test.json'],
    ['OCRVQA', 'test.json'],
  ] as const) {
    const rows = Array.from({ length: 2 * images }, (_, index) => ({
      question_id: `${task}-${index}`,
      image: `${Math.floor(index / 2)}.png`,
      text: 'What is it?',
      answer: `answer ${index}`,
    }));
    writeFileSync(join(data.root, 'Instructions_Original', task, name), JSON.stringify(rows));
  }
  return data;
}

/**
 * Both methods know nine images of ten, MoELoRA for ever; LoRA knows half of the first task's after the second stage.
 * Which half depends on the seed.
 */
function knows({ trained, task, config }: EvaluateRequest, index: number): boolean {
  const image = Math.floor(index / 2);
  if (trained?.method === 'lora' && task === 'VQAv2' && trained.stage > 1)
    return (image + config.seed) % 2 === 0;
  return image % 10 !== 0;
}

/** Trains as the fake engine does. */
function madeUpEngine(): RunEngine {
  const engine = new FakeEngine();
  return {
    trainStage: async (request) => ({
      ...(await engine.trainStage(request)),
      trainableParameters: request.method === 'lora' ? 1000 : 1100,
      memoryBytes: request.method === 'lora' ? 0 : 4096 * request.stage,
      inferenceParameters: 1000,
      inferencePasses: 1,
      addedTokens: 0,
    }),
    evaluate: async (request) => {
      for (const { id, text, answer } of request.samples) {
        const known = knows(request, Number(id.split('-')[1]));
        const line = { question_id: id, prompt: text, text: known ? answer : 'unknown' };
        appendFileSync(request.predictionFile, `${JSON.stringify(line)}\n`);
      }
      return { seconds: 1 };
    },
    close: () => engine.close(),
  };
}

async function makeRun(name: string, more: Partial<RunConfig> = {}, data = source): Promise<void> {
  const folder = join(top, name);
  await executeRun({
    config: { ...tinyConfig(folder, data), ...more },
    folder,
    source: data,
    prepare: (run) => recordProvenance(run, { source: data, tasks: more.tasks ?? tinyTasks, modelFolder }),
    openEngine: async () => madeUpEngine(),
    observer: {},
    signal: new AbortController().signal,
  });
}

beforeAll(async () => {
  buildIfStale();
  top = mkdtempSync(join(tmpdir(), 'coin-compare-'));
  modelFolder = join(top, 'model');
  mkdirSync(modelFolder);
  writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava"}');
  source = writeImages();
  await makeRun('run');
  await makeRun('seed-1', { seed: 1 });
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

function coin(...parameters: readonly string[]) {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, 'compare', ...parameters], {
    cwd: top,
    encoding: 'utf8',
    env,
  });
  return { status, stdout, stderr };
}

describe('one run', () => {
  it('says in words which figures differ and what each method costs', () => {
    const { status, stdout, stderr } = coin('run');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^strict scoring, 3 stages; seed 0; 2,000 draws of the test images\n/);
    expect(stdout).toMatch(/LoRA +1,000 +0 B +1,000 +1 +0 +3\.0 s +6\.0 s\n/);
    expect(stdout).toMatch(/MoELoRA +1,100 +12\.3 KB +1,000 +1 +0 +3\.0 s +6\.0 s\n/);
    expect(stdout).toContain(
      'LoRA and MoELoRA are not matched: their trainable parameters differ by 10 %.\n',
    );
    // One of three tasks went from 90 to 50 %.
    expect(stdout).toMatch(/ {2}ACC: MoELoRA is higher by 13\.33 \[\d+\.\d\d, \d+\.\d\d\]\n/);
    expect(stdout).toMatch(/ {2}VQAv2 after OCRVQA: MoELoRA is higher by 40\.00 \[/);
    expect(stdout).toContain('2 of 6 cells are distinguishable');
    expect(stdout).not.toContain('VQAv2 after VQAv2');
    expect(coin('run').stdout).toBe(stdout);
    expect(coin('run', '--cells').stdout).toContain(
      '  VQAv2 after VQAv2: not distinguishable: 0.00 [no variation]\n',
    );
  });

  it('says the same in the tables of the run, and shows the intervals on its page', () => {
    const env = { ...process.env, FORCE_COLOR: undefined };
    const run = (command: string) =>
      spawnSync(process.execPath, [commandLine, command, 'run'], { cwd: top, encoding: 'utf8', env });
    const { estimates, pairs } = JSON.parse(coin('run', '--json').stdout);
    const shown = (value: number) => value.toFixed(2).replace('-', '\u2212');
    const { low, high } = estimates[0].figures[0];
    const { stdout } = run('metrics');
    expect(stdout).toContain(`[${shown(low)}, ${shown(high)}]`);
    const acc = pairs[0].differences[0];
    const words = `MoELoRA is higher in ACC by 13.33 [${shown(-acc.high)}, ${shown(-acc.low)}]`;
    expect(stdout.replaceAll('\n', ' ')).toContain(words);
    expect(run('report').status).toBe(0);
    const page = readFileSync(join(top, 'run', 'report.html'), 'utf8');
    expect(page).toContain(words);
    const cell = estimates[0].figures.find(({ name }: { name: string }) => name === 'VQAv2 after OCRVQA');
    expect(page).toContain(`title="VQAv2, after OCRVQA: 50.00 [${shown(cell.low)}, ${shown(cell.high)}]"`);
  });

  it('compares over the stages that all methods have, and keeps the intervals of the longer one', () => {
    cpSync(join(top, 'run'), join(top, 'short'), { recursive: true });
    const journal = join(top, 'short', 'journal.jsonl');
    const lines = readFileSync(journal, 'utf8').split('\n');
    const left = lines.filter((line) => !line.includes('"key":"moelora/3-'));
    expect(left.length).toBe(lines.length - 4);
    writeFileSync(journal, left.join('\n'));
    const tables = (run: string) =>
      spawnSync(process.execPath, [commandLine, 'metrics', run], { cwd: top, encoding: 'utf8' }).stdout;
    const [whole, short] = [tables('run'), tables('short')];
    const accOfLora = (text: string) => /^ACC .*?\]/m.exec(text)?.[0];
    expect(accOfLora(short)).toMatch(/^ACC +76\.67 +\[/);
    expect(accOfLora(short)).toBe(accOfLora(whole));
    // After the second stage half of the first task is gone: (90 + 50) / 2 against 90.
    expect(short.replaceAll('\n', ' ')).toMatch(
      /MoELoRA is higher in ACC by 20\.00 \[[^;]*; MoELoRA is higher in MAA by 10\.00 [^;]*; .* after 2 stages\./,
    );
  });

  it('draws images, not questions', () => {
    const { pairs, images: counted, estimates } = JSON.parse(coin('run', '--json').stdout);
    expect(counted).toEqual({ VQAv2: images, ImageNet: images, OCRVQA: images });
    expect(pairs[0].differences.map(({ value }: { value: number }) => Number(value.toFixed(6)))).toEqual([
      -13.333333, -11.111111, -13.333333, 0, -40, 0, -40, 0, 0,
    ]);
    // Half of forty images: a standard error of 7.9 points; of eighty questions it would be 5.6.
    const cell = estimates[0].figures.find(({ name }: { name: string }) => name === 'VQAv2 after OCRVQA');
    expect((cell.high - cell.low) / (2 * 1.96)).toBeGreaterThan(7);
    expect((cell.high - cell.low) / (2 * 1.96)).toBeLessThan(9);
  });
});

describe('several runs', () => {
  it('are seeds, with what they vary by beside the interval', () => {
    const { status, stdout } = coin('run', 'seed-1');
    expect(status).toBe(0);
    expect(stdout).toMatch(/2 seeds \(0, 1\), averaged/);
    expect(stdout).toMatch(/ACC: MoELoRA is higher by 13\.33 \[.*\]; over seeds \u221213\.33 ±0\.00\n/);
  });
});

describe('runs that differ in more than the seed', () => {
  it('are compared method by method, with the settings that differ', async () => {
    await makeRun('larger', { seed: 2, evaluation: { ...tinyConfig('', source).evaluation, slots: 2 } });
    const { status, stdout, stderr } = coin('run', 'larger');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^strict scoring, 3 stages; a seed each;/);
    expect(stdout).toMatch(/settings that differ +run +larger\nseed +0 +2\nevaluation\.slots +1 +2\n/);
    // With seed 2 the same images are known as with seed 0.
    expect(stdout).toContain(
      'Is LoRA of larger better than LoRA of run? It cannot be told: the two are alike in ACC on every draw',
    );
    expect(stdout).not.toMatch(/Is MoELoRA of \w+ better than LoRA/);
  });

  it('answers whether the second is better', async () => {
    await makeRun('one', { methods: ['lora'] });
    await makeRun('other', { methods: ['moelora'] });
    const { stdout } = coin('one', 'other');
    expect(stdout).toContain('Their settings are the same; they have other methods.\n');
    expect(stdout).toMatch(
      /\nIs MoELoRA of other better than LoRA of one\? Of these two models, yes: ACC is higher by 13\.33 \[\d/,
    );
    expect(coin('other', 'one').stdout).toMatch(
      /\nIs LoRA of one better than MoELoRA of other\? Of these two models, no: ACC is lower by 13\.33 \[\d/,
    );
    const { across, pairs } = JSON.parse(coin('one', 'other', '--json').stdout);
    expect(across).toMatchObject({ runs: ['one', 'other'], settings: [], alone: [], sameOrder: true });
    // As within one run: the same answers on the same draws.
    expect(pairs[0].differences).toEqual(JSON.parse(coin('run', '--json').stdout).pairs[0].differences);
  });

  it('are compared on the tasks that they share, and seed by seed', async () => {
    const tasks = ['OCRVQA', 'VQAv2'] as const;
    await makeRun('two-0', { tasks });
    await makeRun('two-1', { tasks, seed: 1 });
    const { status, stdout, stderr } = coin('run', 'seed-1', 'two-1', 'two-0', '--methods', 'moelora');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^strict scoring, 2 stages that they share \(VQAv2, OCRVQA\); 2 seeds \(0, 1\), averaged/,
    );
    expect(stdout).toMatch(/tasks +\["VQAv2","ImageNet","OCRVQA"\] +\["OCRVQA","VQAv2"\]/);
    expect(stdout).toContain('The tasks were learned in another order');
    expect(coin('run', 'two-0', 'two-1').stdout).toContain('Is LoRA of two-0 better than LoRA of run? ');
  });

  it('leave out what was tested on other samples, and say so', async () => {
    const folder = join(top, 'other data');
    cpSync(source.root, folder, { recursive: true });
    const file = join(folder, 'Instructions_Original', 'OCRVQA', 'test.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('answer 7"', 'another"'));
    await makeRun('elsewhere', {}, { ...source, root: folder });
    const { stdout } = coin('run', 'elsewhere');
    expect(stdout).toContain('2 stages that they share (VQAv2, ImageNet)');
    expect(stdout).toContain('Tested on other samples, and not compared: OCRVQA.\n');
    expect(stdout).toMatch(/benchmark +\S/);
  });

  it('are refused when a run is given twice or no seed is in all', async () => {
    expect(coin('run', './run').stderr).toBe('./run: is given twice; there is nothing to compare it with\n');
    expect(coin('run', 'seed-1', 'larger')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^no seed is in all of them: run has 0, 1; larger has 2\n/),
    });
  });
});

describe('files of predictions', () => {
  const files = () => ({
    a: join(top, 'run', 'lora', '3-OCRVQA', 'predictions', 'VQAv2.jsonl'),
    b: join(top, 'run', 'moelora', '3-OCRVQA', 'predictions', 'VQAv2.jsonl'),
    annotations: join(source.root, 'Instructions_Original', 'VQAv2', 'val.json'),
  });

  it('are compared on the same annotations', () => {
    const { a, b, annotations } = files();
    const options = ['--task', 'VQAv2', '--annotations', annotations];
    const { status, stdout, stderr } = coin(a, b, ...options);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^VQAv2, strict scoring: 80 samples; 2,000 draws of them/);
    expect(stdout.replaceAll('\n', ' ')).toMatch(
      /Is \S+ better than \S+\? Of these two models, yes: accuracy is higher by 40\.00 \[/,
    );
    // The cell of the matrix of the runs.
    const { pairs } = JSON.parse(coin('run', '--json').stdout);
    const cell = pairs[0].differences.find(({ name }: { name: string }) => name === 'VQAv2 after OCRVQA');
    const [alone] = JSON.parse(coin(a, b, ...options, '--json').stdout).pairs;
    expect(alone.accuracy.value).toBe(cell.value);
  });

  it('say what is missing', () => {
    const { a, b, annotations } = files();
    expect(coin(a, b).stderr).toMatch(
      /^files of predictions are compared with --task TASK and --annotations PATH/,
    );
    expect(coin(a, '--task', 'VQAv2', '--annotations', annotations).stderr).toMatch(
      /^expected two or more files/,
    );
    expect(coin(a, join(top, 'none.jsonl'), '--task', 'VQAv2', '--annotations', annotations).status).toBe(2);
  });
});

it('refuses what it cannot compare', async () => {
  expect(coin().stderr).toMatch(/^expected RUN/);
  expect(coin('nowhere').stderr).toMatch(/config\.json: no such file/);
  expect(coin('run', '--methods', 'lora').stderr).toMatch(/^run: expected two methods or more .*found LoRA/);
  expect(coin('run', '--methods', 'lora,moelor').stderr).toMatch(
    /^--methods: the run has no method "moelor"\n {2}hint: did you mean moelora/,
  );
  expect(coin('run', '--resamples', '20').stderr).toBe(
    '--resamples: 20 are too few to correct for 1 pair of methods\n  hint: at least 39, or fewer methods with --methods\n',
  );
  await makeRun('one-image', {}, writeTinyData(join(top, 'one')));
  expect(coin('one-image').stderr).toMatch(/^the test samples of VQAv2 are all about one image/);
});
