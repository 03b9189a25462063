// The ledger: its rule, what it reads of runs, and that the committed file speaks of every registered method and claim.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtIn } from '../../src/config/catalogue.ts';
import type { Method } from '../../src/methods/index.ts';
import { computeResults, metricsText } from '../../src/report/compute.ts';
import { renderLedger } from '../../src/report/words/ledger-text.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { runFiles } from '../../src/runs/run-folder.ts';
import { type LedgerEntry, makeLedger, verdictOf } from '../../src/verification/ledger.ts';
import { repository } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

// Three methods, one of which makes a claim that cannot be checked: all claims are in claims.test.ts.
vi.mock('../../src/methods/index.ts', async (original) => {
  const { methods: all } = await original<typeof import('../../src/methods/index.ts')>();
  const claims = () => [
    { statement: 'stands', check: async () => ({ found: '1 | 2', holds: true }) },
    {
      statement: 'cannot be checked',
      check: async () => {
        throw new Error('out of its depth');
      },
    },
  ];
  const methods = {
    // Those of its claims that train nothing.
    lora: {
      ...all.lora,
      claims: () => all.lora.claims().filter(({ statement }) => statement.includes('B ')),
    },
    moelora: { ...all.moelora, claims },
    hide: { ...all.hide, claims: () => claims().slice(0, 1) },
  };
  return { methods, methodNames: Object.keys(methods) };
});

const root = mkdtempSync(join(tmpdir(), 'coin-ledger-'));
const study = join(root, 'study');
afterAll(() => rmSync(root, { recursive: true, force: true }));
const laboratory = { run: () => Promise.reject(new Error('not needed')) };
const none = { source: 'a paper', deviations: [] };

let entries: readonly LedgerEntry[];
beforeAll(async () => {
  const source = writeTinyData(join(root, 'data'));
  const model = join(root, 'model');
  mkdirSync(model);
  writeFileSync(join(model, 'config.json'), '{"model_type": "llava"}');
  for (const seed of [1, 0]) {
    const folder = join(study, `seed-${seed}`);
    mkdirSync(folder, { recursive: true });
    const config = { ...tinyConfig(folder, source), seed };
    await executeRun({
      config,
      folder,
      source,
      prepare: () => recordProvenance(folder, { source, tasks: tinyTasks, modelFolder: model }),
      openEngine: async () => new FakeEngine(),
    });
    writeFileSync(runFiles.metrics(folder), metricsText(await computeResults(folder)));
  }
  writeFileSync(join(study, 'study.json'), JSON.stringify({ runs: ['seed-1', 'seed-0', 'seed-2'] }));
  entries = await makeLedger({ methods: builtIn.methods, laboratory, folders: [study] });
});

describe('the rule', () => {
  const holds = { statement: 's', found: 'f', holds: true };
  it.each([
    ['verified', [holds], []],
    ['partly verified', [holds], ['a substitute']],
    ['not verified', [holds, { ...holds, holds: false }], []],
    ['not verified', [], []],
  ] as const)('%s', (verdict, claims, deviations) => {
    expect(verdictOf(claims, { ...none, deviations })).toBe(verdict);
  });
});

describe('entries', () => {
  it('are of every registered method, with the numbers of its claims', () => {
    expect(entries.map(({ method, verdict }) => [method, verdict])).toEqual([
      ['lora', 'verified'],
      ['moelora', 'not verified'],
      ['hide', 'partly verified'],
    ]);
    expect(entries[0]?.claims[0]?.found).toMatch(/^largest change 0$/);
    expect(entries[1]?.claims[1]).toEqual({
      statement: 'cannot be checked',
      found: 'stopped: out of its depth',
      holds: false,
    });
  });

  it('hold the runs of a study as seeds of one configuration, with the figures that metrics.json has', () => {
    const [group, ...others] = entries[0]?.runs ?? [];
    expect(others).toEqual([]);
    expect(group?.runs.map(({ seed, stages, tasks }) => [seed, stages, tasks])).toEqual([
      [0, 3, 3],
      [1, 3, 3],
    ]);
    const { modes } = JSON.parse(readFileSync(join(study, 'seed-0', 'metrics.json'), 'utf8'));
    const { maa, bwt, finalAverage } = modes.strict.methods.lora;
    expect(group?.runs[0]?.strict).toEqual({ maa, bwt, finalAverage });
    expect(group?.runs[0]?.folder).toBe('seed-0');
    expect(entries[2]?.runs).toEqual([]);
  });

  it('name the published rows of a method', () => {
    expect(entries[0]?.published.map(({ id }) => id)).toContain('llava7b-lora-original');
    expect(entries[2]?.published).toEqual([]);
  });

  it('refuses what is no run, and a run without figures', async () => {
    await expect(makeLedger({ methods: builtIn.methods, laboratory, folders: [root] })).rejects.toThrow(
      /as `coin run` makes it/,
    );
    const bare = join(root, 'bare');
    mkdirSync(bare);
    writeFileSync(join(bare, 'config.json'), readFileSync(join(study, 'seed-0', 'config.json')));
    await expect(makeLedger({ methods: builtIn.methods, laboratory, folders: [bare] })).rejects.toThrow(
      /coin report/,
    );
  });
});

describe('the text', () => {
  const render = () =>
    renderLedger(entries, { command: 'coin ledger', versions: 'coin-bench', date: 'today' });

  it('is the same for the same entries, with a table per claim and per run', () => {
    const text = render();
    expect(render()).toBe(text);
    expect(text).toContain('1 verified, 1 partly verified, 1 not verified.');
    expect(text).toMatch(/\| \[LoRA\]\(#lora\) \| verified \| 2 of 2 \| seeds 0, 1 \| \d+, /);
    expect(text).toContain('| stands | yes | 1 \\| 2 |');
    expect(text).toContain('| cannot be checked | **no** | stopped: out of its depth |');
    expect(text).toMatch(/\| mean ± t interval \|.* ± /);
    expect(text).not.toMatch(/undefined|NaN|Infinity/);
    expect(text).not.toContain(root);
  });
});

it('the committed ledger has every registered method, its claims and its departures', async () => {
  const { methods } = await vi.importActual<typeof import('../../src/methods/index.ts')>(
    '../../src/methods/index.ts',
  );
  const text = readFileSync(join(repository, 'docs', 'reproducibility.md'), 'utf8');
  for (const { label, claims, origin } of Object.values<Method>(methods)) {
    const section = text.split(/^## /m).find((part) => part.startsWith(`${label}\n`)) ?? '';
    for (const { statement } of claims())
      expect(section).toContain(`| ${statement.replaceAll('|', '\\|')} |`);
    for (const deviation of origin.deviations) expect(section).toContain(`- ${deviation}`);
  }
});
