// `coin study` as a real command on a toy world: what runs share has the bytes of runs that share nothing; killed and
// started again it ends the same; it grows, and refuses to change what has begun.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { listFiles, sha256OfFile } from '../../src/formats/files/files.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { readJournal } from '../../src/runs/journal.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { writeToyModel } from '../support/toy-model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-study-'));
const cells = ['tasks-ImageNet-GQA', 'tasks-ImageNet-VQAv2'].flatMap((name) =>
  [0, 1].map((seed) => `${name}_seed-${seed}`),
);
/** Replay looks at earlier tasks' samples. */
const methods = ['lora', 'replay'];
const grid = {
  tasks: [
    ['ImageNet', 'GQA'],
    ['ImageNet', 'VQAv2'],
  ],
  methods,
};

beforeAll(async () => {
  buildIfStale();
  await writeToyModel(join(root, 'model'));
  await buildNanoData({ folder: join(root, 'data'), trainPerTask: 12, testPerTask: 3 });
  writeConfig();
  writeStudy('study', { base: 'run.yaml', grid, seeds: 2 });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function writeConfig(more: object = {}): void {
  const config = {
    model: 'model',
    benchmark: 'data',
    trainSamples: 12,
    testSamples: 3,
    adapter: { rank: 4, alpha: 8, experts: 2, dropout: 0.1 },
    training: { batchSize: 2, learningRate: 0.01, checkpointEverySteps: 1, ...more },
    evaluation: { slots: 3, maxNewTokens: 4 },
    methodSettings: { replay: { samplesPerTask: 3 } },
  };
  writeFileSync(join(root, 'run.yaml'), stringify(config));
}

function writeStudy(name: string, study: object): void {
  writeFileSync(join(root, `${name}.yaml`), stringify(study));
}

const coin = (...parameters: readonly string[]) => coinKilledAt('', ...parameters);

function coinKilledAt(point: string, ...parameters: readonly string[]) {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [commandLine, ...parameters], {
    cwd: root,
    encoding: 'utf8',
    env: { ...env, COIN_KILL: point },
  });
  return { status, signal, stdout, stderr };
}

/** Hashes of everything that training and answering made. */
function outcome(folder: string): Record<string, string> {
  const files = listFiles(join(root, folder)).filter((file) => /adapter|predictions|zero-shot/.test(file));
  expect(files.length).toBeGreaterThan(0);
  return Object.fromEntries(files.map((file) => [file, sha256OfFile(join(root, folder, file))]));
}

const outcomes = (study: string) => cells.map((cell) => outcome(join('runs', study, cell)));
const journal = (study: string, cell: string) =>
  readJournal(join(root, 'runs', study, cell, 'journal.jsonl')).filter(({ kind }) => kind !== 'judge');

describe('a study', () => {
  let whole: ReturnType<typeof outcomes>;

  it('computes once what its runs have in common', () => {
    const { status, stdout, stderr } = coin('study', 'study.yaml', '--jobs', '1');
    expect({ status, stderr }).toMatchObject({ status: 0 });
    whole = outcomes('study');
    const shared = (cell: number) =>
      journal('study', cells[cell] ?? '').flatMap(({ key, sharedFrom }) =>
        sharedFrom === undefined ? [] : [`${key} from ${sharedFrom}`],
      );
    const stages = (from: string) =>
      methods.flatMap((method) => [
        `${method}/1-ImageNet/train from ${from}`,
        `${method}/1-ImageNet/evaluate/ImageNet from ${from}`,
      ]);
    expect(shared(0)).toEqual([]);
    // Zero-shot answers do not depend on the seed, training does.
    expect(shared(1)).toEqual(['ImageNet', 'GQA'].map((task) => `zero-shot/${task} from ${cells[0]}`));
    expect(shared(2)).toEqual([`zero-shot/ImageNet from ${cells[0]}`, ...stages(cells[0] ?? '')]);
    expect(shared(3)).toEqual([
      `zero-shot/ImageNet from ${cells[0]}`,
      `zero-shot/VQAv2 from ${cells[2]}`,
      ...stages(cells[1] ?? ''),
    ]);
    expect(stderr).toMatch(
      new RegExp(`${cells[2]}: 2 trainings and 3 evaluations taken over from ${cells[0]}, which saves `),
    );
    expect(stdout).toMatch(/Of 48 steps, 4 trainings \(.*\) and 9 evaluations \(.*\) were taken over/);
    // A link, not a copy.
    const adapter = 'lora/1-ImageNet/adapter/adapter_model.safetensors';
    const inode = (cell: number) => statSync(join(root, 'runs/study', cells[cell] ?? '', adapter)).ino;
    expect(inode(2)).toBe(inode(0));
  });

  it('ends with the bytes of runs that share nothing', () => {
    for (const [index, [task, seed]] of [
      ['VQAv2', '0'],
      ['VQAv2', '1'],
    ].entries()) {
      const set = [`tasks=[ImageNet,${task}]`, `methods=[${methods}]`].flatMap((text) => ['--set', text]);
      const parameters = ['run', 'run.yaml', '--seed', seed ?? '', '--output', `apart-${seed}`, ...set];
      expect(coin(...parameters, '--quiet').status).toBe(0);
      expect(journal(`../apart-${seed}`, '').some(({ sharedFrom }) => sharedFrom !== undefined)).toBe(false);
      expect(whole[2 + index]).toEqual(outcome(`apart-${seed}`));
    }
  });

  it('leaves runs that the other commands know, one table and one page', () => {
    const [first = '', second = ''] = cells.map((cell) => `runs/study/${cell}`);
    expect(coin('metrics', first).status).toBe(0);
    expect(coin('report', first).status).toBe(0);
    expect(coin('compare', first, second).stdout).toMatch(/2 seeds \(0, 1\), averaged/);
    const results = JSON.parse(readFileSync(join(root, 'runs/study/results.json'), 'utf8'));
    expect(results.arms.map(({ name }: { name: string }) => name)).toEqual(
      ['GQA', 'VQAv2'].flatMap((task) =>
        ['LoRA', 'Replay'].map((label) => `tasks ImageNet, ${task}, ${label}`),
      ),
    );
    expect(results.comparedSeeds).toEqual([0, 1]);
    expect(results.arms[0].figures.map(({ name }: { name: string }) => name)).toEqual(['ACC', 'MAA', 'BWT']);
    expect(results.comparisons.map(({ axis }: { axis: string }) => axis)).toEqual(Array(2).fill('method'));
    const page = readFileSync(join(root, 'runs/study/report.html'), 'utf8');
    for (const cell of cells) expect(page).toContain(`<a href="${cell}/report.html">`);
    expect(page).not.toContain('<script');
    const markdown = readFileSync(join(root, 'runs/study/results.md'), 'utf8');
    expect(markdown).toContain('| tasks | method | ACC | MAA | BWT |');
    expect(markdown).toMatch(/not distinguishable: /);
  });

  it('does nothing when it is finished, and says the same', () => {
    const before = cells.map((cell) => journal('study', cell).length);
    const again = coin('study', 'study.yaml', '--write', 'table.md');
    expect(again.status).toBe(0);
    expect(cells.map((cell) => journal('study', cell).length)).toEqual(before);
    expect(again.stderr).toBe('');
    expect(readFileSync(join(root, 'table.md'), 'utf8')).toBe(
      readFileSync(join(root, 'runs/study/results.md'), 'utf8'),
    );
  });

  it('killed again and again, ends with the same bytes', () => {
    writeStudy('killed', { base: 'run.yaml', grid, seeds: 2 });
    // In a training, in one that another run takes over from, at the first record that is taken over, in an evaluation.
    for (const point of [
      `checkpoint:1:after:${cells[0]}/lora/2-GQA`,
      `rename:1:before:${cells[1]}/replay/1-ImageNet/adapter`,
      `journal:2:within:${cells[2]}/journal`,
      `answer:2:within:${cells[3]}/replay/2-VQAv2`,
    ]) {
      expect({
        point,
        ...coinKilledAt(point, 'study', 'killed.yaml', '--quiet', '--jobs', '1'),
      }).toMatchObject({
        point,
        signal: 'SIGKILL',
      });
    }
    expect(coin('study', 'killed.yaml', '--quiet').status).toBe(0);
    expect(outcomes('killed')).toEqual(whole);
  });

  it('grows by methods, seeds and values, and keeps what is there', () => {
    const before = cells.map((cell) => journal('study', cell));
    writeStudy('study', {
      base: 'run.yaml',
      grid: { ...grid, methods: [...methods, 'ewc'] },
      seeds: [0, 5],
    });
    const part = coin('study', 'study.yaml', '--results').stdout;
    expect(part).toMatch(/ImageNet, VQAv2 · EWC +0 of 4 stages/);
    expect(part).toContain('Not every seed is finished: figures are over 0 of 0, 5.');
    expect(journal('study', cells[0] ?? '')).toEqual(before[0]);
    const { status, stdout } = coin('study', 'study.yaml', '--quiet');
    expect(status).toBe(0);
    expect(outcomes('study').map((files) => withoutEwc(files))).toEqual(whole);
    for (const [index, records] of before.entries()) {
      expect(journal('study', cells[index] ?? '').slice(0, records.length)).toEqual(records);
    }
    const results = JSON.parse(readFileSync(join(root, 'runs/study/results.json'), 'utf8'));
    expect(results.comparedSeeds).toEqual([0, 5]);
    expect(stdout).toMatch(/ImageNet, VQAv2 · EWC/);
  });

  it('renamed, takes over from the runs of the old names', () => {
    // The axis has a name of its own, so that every run has another name; neither method has use for experts.
    const [tasks] = grid.tasks;
    const order = { gqa: { tasks }, same: { tasks, 'adapter.experts': 4 } };
    writeStudy('study', { base: 'run.yaml', grid: { order, methods }, seeds: 1 });
    const { status, stderr } = coin('study', 'study.yaml');
    expect(status).toBe(0);
    expect(stderr).toMatch(/order-gqa_seed-0: 4 trainings and 8 evaluations taken over from /);
    expect(outcome('runs/study/order-gqa_seed-0')).toEqual(whole[0]);
    expect(outcome('runs/study/order-same_seed-0')).toEqual(whole[0]);
    const results = JSON.parse(readFileSync(join(root, 'runs/study/results.json'), 'utf8'));
    expect(results.comparisons.map(({ axis }: { axis: string }) => axis)).toEqual(['method', 'method']);
    expect(results.notes).toContain(
      'The same models under another name, and not compared: order same, LoRA; order same, Replay.',
    );
    expect(outcomes('study').map((files) => withoutEwc(files))).toEqual(whole);
  });

  it('refuses to change what has begun, with the reason, before anything is computed', () => {
    writeConfig({ learningRate: 0.02 });
    writeStudy('study', { base: 'run.yaml', grid, seeds: [0, 9] });
    const { status, stderr } = coin('study', 'study.yaml');
    expect(status).toBe(2);
    expect(stderr).toContain(
      `runs/study/${cells[0]}/config.json: training.learningRate: the run began with 0.01, now it is 0.02`,
    );
    expect(stderr).toMatch(/hint: what has begun is not changed/);
    expect(existsSync(join(root, 'runs/study/tasks-ImageNet-GQA_seed-9'))).toBe(false);
    writeConfig();
  });

  it('of seeds alone is an option of coin run', () => {
    const set = ['--set', 'tasks=[GQA]', '--set', 'methods=[lora]'];
    const { status, stdout } = coin('run', 'run.yaml', '--seeds', '2', ...set, '--quiet');
    expect(status).toBe(0);
    expect(stdout).toMatch(/means over seeds 0, 1, and after ±/);
    expect(journal('run-seeds', 'seed-1').map(({ key, sharedFrom }) => [key, sharedFrom])).toEqual([
      ['zero-shot/GQA', 'seed-0'],
      ['lora/1-GQA/train', undefined],
      ['lora/1-GQA/evaluate/GQA', undefined],
    ]);
  });

  it('refuses a folder that is something else', () => {
    expect(coin('study', 'study.yaml', '--output', 'data').stderr).toMatch(
      /^data: expected the folder of a study or an empty one, found /,
    );
  });
});

function withoutEwc(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => !/(^|\/)ewc\//.test(name)));
}
