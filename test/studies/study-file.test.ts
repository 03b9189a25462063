// Study files: what they expand to, how runs are named, what two runs have in common, and where errors point.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Issue, present, UserError } from '../../src/base/errors.ts';
import { parseOverride } from '../../src/config/load.ts';
import { methodNames } from '../../src/methods/index.ts';
import type { Provenance } from '../../src/runs/provenance.ts';
import { finishedArms, type OpenedRuns } from '../../src/studies/arm-scores.ts';
import { armsOf, pairsOf } from '../../src/studies/arms.ts';
import { type LoadStudyOptions, loadStudy, shippedStudies } from '../../src/studies/load-study.ts';
import { stepKeys } from '../../src/studies/step-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-study-file-'));
beforeAll(() => {
  mkdirSync(join(folder, 'below'));
  writeFileSync(join(folder, 'below', 'base.yaml'), 'model: nano\nbenchmark: nano\nadapter: {rank: 8}\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string, options: LoadStudyOptions = {}) {
  writeFileSync(join(folder, 'my.yaml'), text);
  return loadStudy('my.yaml', { workingFolder: folder, ...options });
}

function issuesOf(text: string, options: LoadStudyOptions = {}): readonly Issue[] {
  try {
    load(text, options);
  } catch (error) {
    if (error instanceof UserError) return error.issues;
    throw error;
  }
  throw new Error('expected an error');
}

describe('a study file', () => {
  it('is every combination of its grid, each a run with a readable name', () => {
    const { runs, name, axes, seeds } = load(
      'grid: {adapter.rank: [8, 16], tasks: [official, [GQA, VizWiz]]}\nseeds: 2\n',
    );
    expect(name).toBe('my');
    expect(seeds).toEqual([0, 1]);
    expect(axes).toEqual([
      { label: 'rank', values: ['8', '16'] },
      { label: 'tasks', values: ['official', 'GQA, VizWiz'] },
    ]);
    expect(runs.map((run) => run.name)).toEqual(
      ['rank-8', 'rank-16'].flatMap((rank) =>
        ['official', 'GQA-VizWiz'].flatMap((tasks) =>
          [0, 1].map((seed) => `${rank}_tasks-${tasks}_seed-${seed}`),
        ),
      ),
    );
    const last = runs.at(-1);
    expect(last?.coordinates).toEqual({ rank: '16', tasks: 'GQA, VizWiz' });
    expect(last?.config).toMatchObject({
      name: 'my-rank-16_tasks-GQA-VizWiz_seed-1',
      output: 'runs/my/rank-16_tasks-GQA-VizWiz_seed-1',
      seed: 1,
      tasks: ['GQA', 'VizWiz'],
      adapter: { rank: 16, alpha: 32 },
    });
  });

  it('has its methods in every run; all is every other one', () => {
    const { runs, methods } = load('grid: {methods: [ewc, all]}\n');
    expect(runs.map(({ name }) => name)).toEqual(['run']);
    expect(methods[0]).toBe('ewc');
    expect([...methods].sort()).toEqual([...methodNames].sort());
  });

  it('varies several keys under one name', () => {
    const { runs } = load(
      'grid:\n  size:\n    small: {adapter.rank: 8, adapter: {alpha: 16}}\n    large: {adapter.rank: 32}\n',
    );
    expect(runs.map(({ name }) => name)).toEqual(['size-small', 'size-large']);
    expect(runs.map(({ config }) => [config.adapter.rank, config.adapter.alpha])).toEqual([
      [8, 16],
      [32, 32],
    ]);
  });

  it('takes its base from a file beside it, and settings over it', () => {
    writeFileSync(
      join(folder, 'below', 'study.yaml'),
      'base: base.yaml\nset: {training: {epochs: 2}, adapter.alpha: 9}\noutput: here\n',
    );
    const { runs, folder: output } = loadStudy('below/study.yaml', { workingFolder: folder });
    expect(output).toBe('below/here');
    expect(runs[0]?.config).toMatchObject({
      adapter: { rank: 8, alpha: 9 },
      training: { epochs: 2, batchSize: 8 },
    });
  });

  it('gives way to the command line, but not in what it varies', () => {
    const overrides = [parseOverride('training.epochs=3'), parseOverride('output=elsewhere')];
    const { runs, folder: output } = load('grid: {adapter.rank: [8]}\nseeds: 1\n', {
      overrides,
      seeds: [4, 2],
    });
    expect(output).toBe('elsewhere');
    expect(runs.map(({ name, config }) => [name, config.training.epochs])).toEqual([
      ['rank-8_seed-4', 3],
      ['rank-8_seed-2', 3],
    ]);
    expect(issuesOf('grid: {adapter.rank: [8]}\n', { overrides: [parseOverride('adapter.rank=4')] })).toEqual(
      [{ file: '--set adapter.rank=4', message: 'the study varies adapter.rank itself' }],
    );
  });

  it('gives long values and those that are no names a hash, always the same', () => {
    const text = 'grid: {methodSettings.replay.share: [0.25, all], instructionType: [Original]}\n';
    expect(load(text).runs.map(({ name }) => name)).toEqual([
      'share-0.25_instructionType-Original',
      'share-all_instructionType-Original',
    ]);
    const all = '[ScienceQA, TextVQA, ImageNet, GQA, VizWiz, Grounding, VQAv2, OCRVQA]';
    expect(load(`grid: {tasks: [${all}]}\n`).runs[0]?.name).toMatch(
      /^tasks-ScienceQA-TextVQA[\w-]*-[0-9a-f]{8}$/,
    );
  });
});

describe('mistakes', () => {
  it.each([
    ['grid: {rnk: [8]}', 1, 8, /unknown key/],
    ['grid:\n  rank: [8, 16]', 2, 3, /unknown key\n.*did you mean adapter\.rank/],
    ['grid:\n  adapter.rank: [8, eight]', 2, 21, /adapter\.rank: expected a number, found "eight"/],
    ['grid:\n  adapter.rank: 8', 2, 17, /expected a list of values, or names/],
    ['grid:\n  adapter.rank: [8, 8]', 2, 17, /8 occurs twice/],
    ['base: nano\nsedes: 3', 2, 1, /unknown key\n.*did you mean seeds/],
    ['seeds: none', 1, 8, /expected a number of seeds \(3 is 0, 1 and 2\) or a list/],
    ['grid: {seed: [0]}\nseeds: 1', 1, 8, /expected seeds in one place/],
    ['set:\n  training.epochs: 0', 2, 20, /training\.epochs: expected a number of at least 1/],
    ['set:\n  training.epoch: 1', 2, 19, /unknown key\n.*did you mean epochs/],
    ['grid: {methods: [lora, lroa]}', 1, 0, /expected .* or /],
  ])('%s', (text, line, column, message) => {
    const issues = issuesOf(`${text}\n`);
    expect(issues).toHaveLength(1);
    expect(String(new UserError(issues))).toMatch(message);
    if (column > 0) expect(issues[0]).toMatchObject({ file: 'my.yaml', line, column });
  });

  it('of several runs are said once each', () => {
    const issues = issuesOf('grid:\n  adapter.rank: [8, 9, 10]\n  methods: [moelora]\nseeds: 3\n');
    // 8 is shared by four experts, 9 and 10 are not.
    expect(issues.map(({ line, column }) => [line, column])).toEqual([
      [2, 21],
      [2, 24],
    ]);
  });

  it('of a name that is near a study that comes along', () => {
    expect(() => loadStudy('oders')).toThrow(/did you mean orders/);
  });
});

it('comes with studies that can be run as they are, or with a model and data of the user', () => {
  expect(shippedStudies()).toEqual(['experts', 'instructions', 'methods', 'orders', 'ranks', 'volumes']);
  const overrides = ['model=nano', 'benchmark=nano'].map(parseOverride);
  for (const name of shippedStudies()) {
    const { runs, question } = loadStudy(name, name === 'instructions' ? { overrides } : {});
    expect(runs.length, name).toBeGreaterThan(2);
    expect(question, name).toMatch(/\?$/);
    // Also with the paper's protocol.
    expect(loadStudy(name, { base: 'coin', overrides }).runs[0]?.config.testSamples).toBe('slim');
  }
});

describe('rows', () => {
  it('are compared where they differ in one thing, with its first value', () => {
    const study = load(
      'grid: {adapter.rank: [8, 16], tasks: [official, alphabetical], methods: [lora, ewc]}\n',
    );
    const arms = armsOf(study);
    expect(arms).toHaveLength(8);
    const pairs = pairsOf(study, arms).map(
      ({ axis, arm, reference }) => `${axis}: ${arms[arm]?.name} | ${arms[reference]?.name}`,
    );
    expect(pairs).toHaveLength(12);
    expect(pairs[0]).toBe('rank: rank 16, tasks official, LoRA | rank 8, tasks official, LoRA');
    expect(pairs.at(-1)).toBe('method: rank 16, tasks alphabetical, EWC | rank 16, tasks alphabetical, LoRA');
  });
});

describe('figures', () => {
  const study = load('grid: {methods: [lora, ewc]}\nset: {tasks: [GQA]}\nseeds: 3\n');
  const arms = armsOf(study);
  /** Of runs by seed: the methods that are finished. */
  const finished = (...bySeed: readonly (readonly string[])[]) => {
    const opened = bySeed.map((names, seed) => {
      const stages = new Map(names.map((name) => [name, [[]]]));
      return [`seed-${seed}`, { stages }] as const;
    });
    const { arms: found, seeds } = finishedArms(arms, new Map(opened) as unknown as OpenedRuns);
    return { rows: found.map(({ method }) => method), seeds };
  };

  it('are of every row over the seeds that all have, else of most rows', () => {
    const both = ['lora', 'ewc'];
    expect(finished(both, both, both)).toEqual({ rows: both, seeds: [0, 1, 2] });
    expect(finished(both, both, ['lora'])).toEqual({ rows: both, seeds: [0, 1] });
    expect(finished(['lora'], ['lora'], [])).toEqual({ rows: ['lora'], seeds: [0, 1] });
    expect(finished(['lora'], ['ewc'], [])).toEqual({ rows: ['lora'], seeds: [0] });
    expect(finished([], [], [])).toEqual({ rows: [], seeds: [] });
  });
});

describe('what a step depends on', () => {
  const files = ['GQA', 'VizWiz', 'VQAv2'].map((task) => ({
    path: `Instructions_Original/${task}/train.json`,
    bytes: 1,
    modifiedMs: 1,
    sha256: `hash of ${task}`,
  }));
  const provenance = {
    versions: { 'coin-bench': '1', 'onnxruntime-node': '1' },
    data: { folder: '/data', sha256: '', files },
    weights: { folder: '/model', sha256: 'weights', files: [] },
    plugins: [],
  } as unknown as Provenance;
  const keysOf = (set = '', { made = provenance, tasks = '[GQA, VizWiz]' } = {}) => {
    const [run] = load(`set: {methods: [lora, moelora], tasks: ${tasks}${set}}\n`).runs;
    return stepKeys(present(run, 'the run').config, made);
  };
  const changed = (set: string, made = provenance) => {
    const [before, after] = [keysOf(), keysOf(set, { made })];
    return [...before.keys()].filter((key) => before.get(key) !== after.get(key));
  };
  const every = [...keysOf().keys()];
  const trained = (method: string) => every.filter((key) => key.startsWith(method));

  it('is all that can change its bytes, and nothing else', () => {
    expect(every).toHaveLength(2 + 2 * 5);
    expect(changed(', name: other, output: elsewhere, cache.use: false, zeroShotGate: none')).toEqual([]);
    expect(changed(', seed: 1')).toEqual([...trained('lora'), ...trained('moelora')]);
    expect(changed(', adapter.experts: 2')).toEqual(trained('moelora'));
    expect(changed(', adapter.rank: 8')).toEqual([...trained('lora'), ...trained('moelora')]);
    expect(changed(', methodSettings.ewc.lambda: 3, evaluation.unseen: true')).toEqual([]);
    expect(changed(', testSeed: 1')).toEqual(every.filter((key) => !key.endsWith('/train')));
    expect(changed(', evaluation.maxNewTokens: 2')).toEqual(every.filter((key) => !key.endsWith('/train')));
    expect(changed(', dataVolume: 50')).toEqual([...trained('lora'), ...trained('moelora')]);
    expect(changed(', provider: webgpu')).toEqual(every);
  });

  it('does not reach back: later tasks are nothing to an earlier stage, and data only from its own on', () => {
    const [before, after] = [keysOf(), keysOf('', { tasks: '[GQA, VQAv2]' })];
    const same = [...after.keys()].filter((key) => before.get(key) === after.get(key));
    expect(same).toEqual([
      'zero-shot/GQA',
      'lora/1-GQA/train',
      'lora/1-GQA/evaluate/GQA',
      'moelora/1-GQA/train',
      'moelora/1-GQA/evaluate/GQA',
    ]);
    const other = {
      ...provenance,
      data: {
        ...provenance.data,
        files: files.map((file) => (file.path.includes('VizWiz') ? { ...file, sha256: 'x' } : file)),
      },
    };
    expect(changed('', other).filter((key) => key.includes('/1-GQA/') || key === 'zero-shot/GQA')).toEqual(
      [],
    );
    expect(changed('', other)).toContain('lora/2-VizWiz/evaluate/GQA');
  });
});
