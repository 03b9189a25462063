// Methods at one budget of trainable numbers: every method of the registry comes within 5 % of it, or says why not.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtIn } from '../../src/config/catalogue.ts';
import { loadConfig, type RunConfig } from '../../src/config/load.ts';
import { methodSettingsOf, openMethod } from '../../src/config/open-method.ts';
import { matchParameters, methodSizes } from '../../src/forecast/sizes.ts';
import { type Method, methodNames, methods } from '../../src/methods/index.ts';
import { isMatched } from '../../src/metrics/budget.ts';
import type { ModelOutline } from '../../src/models/family.ts';
import { families, locateModel, outlineModel } from '../../src/models/index.ts';
import { readRunConfig } from '../../src/runs/run-folder.ts';
import { traceTraining } from '../../src/training/traced.ts';
import { buildIfStale, commandLine } from '../support/built.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-matching-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let shape: ModelOutline;
beforeAll(() => {
  shape = outlineModel(locateModel('nano', families), families);
});

function configOf(settings: Readonly<Record<string, unknown>> = {}, preset = 'nano'): RunConfig {
  const overrides = Object.entries({ methods: methodNames, ...settings }).map(([path, value]) => ({
    path: path.split('.'),
    value,
    label: path,
  }));
  return loadConfig(preset, { overrides });
}

/** Counted anew, as the trainer will trace it. */
function trained(config: RunConfig, method: (typeof methodNames)[number]): number {
  const open = openMethod(config, builtIn.methods.get(method));
  return [...traceTraining({ model: shape, open }).trained.values()].reduce(
    (total, tensor) => total + (tensor.shape as readonly number[]).reduce((a, b) => a * b, 1),
    0,
  );
}

describe.each([
  ['nano', 16, 4],
  ['more experts', 64, 8],
])('%s, rank %i, %i experts', (_, rank, experts) => {
  it.each(methodNames)('%s is near the budget, or says why it cannot be', (name) => {
    const config = matchParameters(
      configOf({
        methods: [name],
        'adapter.rank': rank,
        'adapter.alpha': 2 * rank,
        'adapter.experts': experts,
      }),
      builtIn,
      shape,
    );
    const method: Method = methods[name];
    const { budget, methods: sizes } = methodSizes(config, builtIn, shape);
    const [size] = sizes;
    expect(budget).toBe(trained({ ...config, adapter: { ...config.adapter, rank, methods: {} } }, 'lora'));
    if (!method.stream.trains) {
      expect(size).toMatchObject({ trainable: 0 });
      return;
    }
    expect(size?.trainable).toBe(trained(config, name));
    expect(size?.ratio).toBeCloseTo((size?.trainable ?? 0) / budget, 12);
    expect(method.problems(methodSettingsOf(config, builtIn.methods.get(name)))).toEqual([]);
    const { adapter } = methodSettingsOf(config, builtIn.methods.get(name));
    expect(adapter.alpha / adapter.rank).toBeCloseTo(2, 12);
    if (isMatched(size?.ratio ?? 0)) expect(size?.why).toBeUndefined();
    else expect(size?.why).toMatch(method.costs.fixedSize === undefined ? /no rank .* nearer: rank/ : /./);
    if (method.costs.fixedSize !== undefined) return;
    // Neither neighbour that it can have is nearer.
    const withRank = (other: number): RunConfig => {
      const own = { ...config.adapter.methods[name], rank: other };
      return { ...config, adapter: { ...config.adapter, methods: { [name]: own } } };
    };
    const possible = (other: number) =>
      other > 0 && method.problems(methodSettingsOf(withRank(other), method)).length === 0;
    const steps = Array.from({ length: 8 }, (_, step) => step + 1);
    const neighbours = [-1, 1].flatMap((sign) =>
      steps
        .map((step) => adapter.rank + sign * step)
        .filter(possible)
        .slice(0, 1),
    );
    expect(neighbours.length).toBeGreaterThan(0);
    for (const other of neighbours) {
      const distance = Math.abs(Math.log(trained(withRank(other), name) / budget));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(Math.log(size?.ratio ?? 0)));
    }
  });
});

describe('what is matched', () => {
  it('on nano: the ranks of those that train more or less than LoRA with the same one', () => {
    const { adapter } = matchParameters(configOf(), builtIn, shape);
    expect(adapter.budget).toBe(583_680);
    expect(adapter.methods).toEqual({
      isolated: { rank: 20, alpha: 40 },
      mrlora: { rank: 20, alpha: 40 },
      keeplora: { rank: 29, alpha: 58 },
      smolora: { rank: 12, alpha: 24 },
    });
  });

  it('what is given for a method wins, and goes into what is counted', () => {
    const given = { keeplora: { rank: 5 }, moelora: { experts: 2 }, isolated: { alpha: 7 } };
    const config = matchParameters(configOf({ 'adapter.methods': given }), builtIn, shape);
    expect(config.adapter.methods).toMatchObject({
      keeplora: { rank: 5 },
      isolated: { rank: 20, alpha: 7 },
    });
    const sizes = new Map(methodSizes(config, builtIn, shape).methods.map((size) => [size.method, size]));
    expect(sizes.get('keeplora')?.why).toBe('its rank of 5 is given');
    // 2 experts: routers of half the size.
    expect(sizes.get('moelora')).toMatchObject({ rank: 16, trainable: 610_368 });
    expect(sizes.get('moelora')?.why).toBeUndefined();
  });

  it('a budget of one’s own is matched by every method', () => {
    const config = matchParameters(configOf({ 'adapter.budget': 300_000 }), builtIn, shape);
    const { budget, methods: sizes } = methodSizes(config, builtIn, shape);
    expect(budget).toBe(300_000);
    expect(sizes.find(({ method }) => method === 'lora')).toMatchObject({ rank: 6, trainable: 290_880 });
  });

  it('a projector that is frozen trains nothing', () => {
    const config = matchParameters(configOf({ 'training.projectorLearningRate': 0 }), builtIn, shape);
    expect(config.adapter.budget).toBe(468_480);
    expect(config.adapter.methods).not.toHaveProperty('isolated');
  });

  it('nothing where match is none; there every method has the run’s rank', () => {
    const config = configOf({ 'adapter.match': 'none' });
    expect(matchParameters(config, builtIn, shape)).toBe(config);
    const [first] = methodSizes(
      matchParameters(configOf({ 'adapter.match': 'none', methods: ['keeplora'] }), builtIn, shape),
      builtIn,
      shape,
    ).methods;
    expect(first).toMatchObject({ rank: 16, why: 'not matched: adapter.match is none' });
  });

  it('not the paper’s protocol', () => {
    const { adapter } = loadConfig('coin', {
      overrides: [
        { path: ['model'], value: 'nano', label: '' },
        { path: ['benchmark'], value: 'nano', label: '' },
      ],
    });
    expect(adapter).toMatchObject({ match: 'none', rank: 128, alpha: 256, experts: 8, methods: {} });
  });

  it('once: what was matched is matched to itself', () => {
    const config = matchParameters(configOf(), builtIn, shape);
    expect(matchParameters(config, builtIn, shape)).toEqual(config);
  });
});

describe('refused', () => {
  it.each([
    [
      { 'adapter.methods': { moelora: { experts: 3 } } },
      'adapter.rank',
      /multiple of the number of experts \(3\)/,
    ],
    [
      { 'adapter.methods': { moelora: { rank: 6 } } },
      'adapter.methods.moelora.rank',
      /experts \(4\), found 6/,
    ],
    [{ 'adapter.methods': { molora: { rank: 6 } } }, 'adapter.methods.molora', /molora|unknown|expected/i],
    [{ 'adapter.match': 'none', 'adapter.budget': 9 }, 'adapter.budget', /match is none/],
    [{ 'adapter.match': 'memory' }, 'adapter.match', /parameters or none/],
  ])('%j', (settings, field, message) => {
    expect(() => configOf(settings)).toThrow(message);
    try {
      configOf(settings);
    } catch (error) {
      expect((error as { issues: readonly { field?: string }[] }).issues[0]?.field).toBe(field);
    }
  });
});

it('a run that began before there was a match goes on without one', () => {
  const { match, budget, methods: own, ...adapter } = configOf().adapter;
  writeFileSync(join(root, 'config.json'), JSON.stringify({ ...configOf(), adapter }));
  expect(readRunConfig(root).adapter).toMatchObject({ match: 'none', methods: {} });
});

it('coin config --resolved prints every size, and reads back as the same', () => {
  buildIfStale();
  const text = execFileSync(
    process.execPath,
    [commandLine, 'config', 'nano', '--resolved', '--set', 'methods=[lora,keeplora,modalprompt]'],
    { encoding: 'utf8' },
  );
  expect(text).toMatch(/^# KeepLoRA +29 +577,344 +98\.9 % /m);
  expect(text).toMatch(/^# ModalPrompt trains 31\.4 % of the budget: its size is its prompt tokens/m);
  const file = join(root, 'resolved.yaml');
  writeFileSync(file, text);
  const again = spawnSync(process.execPath, [commandLine, 'config', file, '--resolved'], {
    encoding: 'utf8',
  });
  expect(again.stdout.replace(/^output: .*$/m, '')).toBe(
    readFileSync(file, 'utf8').replace(/^output: .*$/m, ''),
  );
});
