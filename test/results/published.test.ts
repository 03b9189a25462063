// The authors' results in the product: listed, held beside a run, and as the gate in front of training.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderReport } from '../../src/report/page/html.ts';
import { renderTables } from '../../src/report/terminal/terminal.ts';
import { besideFigures } from '../../src/report/words/beside.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { readJournal } from '../../src/runs/journal.ts';
import { describeProtocol, readProvenance, recordProvenance } from '../../src/runs/provenance.ts';
import { runFiles } from '../../src/runs/run-folder.ts';
import { checkZeroShotGate } from '../../src/runs/zero-shot-gate.ts';
import { besideRow, publishedRow } from '../../src/streams/coin/published.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { fakeResults } from '../support/fake-results.ts';
import { tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

const top = mkdtempSync(join(tmpdir(), 'coin-published-'));
const modelFolder = join(top, 'model');
let source: TaskSource;
beforeAll(() => {
  buildIfStale();
  source = writeTinyData(join(top, 'data'));
  mkdirSync(modelFolder);
  writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava"}');
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

function coin(...parameters: readonly string[]) {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, ...parameters], {
    cwd: top,
    encoding: 'utf8',
    env,
  });
  return { status, stdout, stderr };
}

async function execute(folder: string, { gate = 'none', waived = false } = {}) {
  const config = { ...tinyConfig(folder, source), zeroShotGate: gate };
  return executeRun({
    config,
    folder,
    source,
    prepare: () =>
      recordProvenance(folder, {
        source,
        tasks: tinyTasks,
        modelFolder,
        protocol: describeProtocol(config, source),
      }),
    beforeTraining: () => void checkZeroShotGate({ config, folder, source, waived }),
    openEngine: async () => new FakeEngine(),
  });
}

describe('coin metrics --published', () => {
  it('lists all rows', () => {
    const { status, stdout, stderr } = coin('metrics', '--published');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^llava7b-moelora-8 +LLaVA-1\.5-7B +MoELoRA +7 +33\.42 +38\.39 +−27\.80$/m);
    expect(stdout).toMatch(/^llava7b-moelora-40 .* – +– +–$/m);
    const { rows } = JSON.parse(coin('metrics', '--published', '--json').stdout);
    expect(rows).toHaveLength(46);
  });

  it('shows one, and that the figures of the paper follow from it', () => {
    const { stdout } = coin('metrics', '--published', 'llava7b-lora-original');
    expect(stdout).toContain('The paper gives BWT -32.62, and so does the matrix: -32.62.');
    expect(stdout).toContain('It gives MAA 32.97; the cells that are known allow 30.78 to 50.69');
    expect(stdout).toContain('(unverified: ');
    const { reproduced } = JSON.parse(coin('metrics', '--published', 'llava7b-moelora-8', '--json').stdout);
    expect(reproduced.bwt).toBeCloseTo(-25.91, 2);
  });

  it('knows the nearest names', () => {
    expect(coin('metrics', '--published', 'minigptv2-lor')).toMatchObject({
      status: 2,
      stderr: 'no published row is called "minigptv2-lor"\n  hint: did you mean minigptv2-lora?\n',
    });
  });
});

describe('a run beside a published row', () => {
  it('in terminal and page, over the tasks that both have', async () => {
    await execute(join(top, 'run'));
    const { status, stdout } = coin('report', 'run', '--beside', 'llava7b-lora-original');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Beside published LoRA on LLaVA-1\.5-7B, r=128/);
    expect(stdout).toMatch(/^VQAv2 +published +0\.68 +62\.20 +42\.50 +−19\.70$/m);
    expect(stdout).toContain('Over the 3 tasks that both have');
    // The run learned VQAv2 first, the paper ImageNet.
    expect(stdout).toContain('The tasks were learned in another order.');
    expect(stdout).toContain('ImageNet after ImageNet holds the overwritten final value');
    const page = readFileSync(runFiles.report(join(top, 'run')), 'utf8');
    expect(page).toContain('id="beside"');
    expect(page).toContain('>62.20<');
    expect(coin('report', 'run').stdout).toBe('run/report.html\n');
    expect(readFileSync(runFiles.report(join(top, 'run')), 'utf8')).not.toContain('id="beside"');
  });

  it('is restricted to the shared tasks: ScienceQA has no published matrix', () => {
    const results = { ...fakeResults(), beside: besideRow(publishedRow('llava7b-moelora-8')) };
    const figures = besideFigures(results);
    expect(figures?.tasks).not.toContain('ScienceQA');
    expect(figures?.sameOrder).toBe(true);
    expect(figures?.columns.map(({ label }) => label)).toEqual(['published', 'LoRA', 'MoELoRA']);
    expect(figures?.columns[0]?.summary?.finalAverage).toBeCloseTo(233.95 / 7, 10);
    expect(renderTables(results)).toContain('38.39');
    expect(renderReport(results)).toContain('>38.39<');
    const judged = besideRow(publishedRow('judge-minigptv2-lora-by-qwen'));
    expect(renderReport({ ...results, beside: judged })).toContain('judge scores, read by');
  });

  it('of unfinished runs shows no figure that is not there', () => {
    const results = {
      ...fakeResults({ stages: [3, 0] }),
      beside: besideRow(publishedRow('llava7b-lora-alphabet')),
    };
    expect(renderReport(results)).not.toMatch(/NaN|undefined/);
    expect(renderTables(results)).not.toMatch(/NaN|undefined/);
  });
});

describe('the zero-shot gate', () => {
  const folder = () => join(top, 'gated');

  it('ends the run before training, saying which score should have been where', async () => {
    // The fake engine answers about two of three questions rightly; the published scores are near zero. Of four samples
    // a task the band is wide, so not every task is outside.
    await expect(execute(folder(), { gate: 'llava7b-lora-original' })).rejects.toThrow(
      /zero-shot scores are not near those of llava7b-lora-original: .*\(published 0\.\d\d, expected 0\.00 to \d+\.\d\d\)[\s\S]*--waive-gate/,
    );
    const gate = readJournal(runFiles.journal(folder())).at(-1);
    expect(gate).toMatchObject({ kind: 'gate', key: 'zero-shot/gate', measured: { passed: 0, waived: 0 } });
    expect(readJournal(runFiles.journal(folder())).some(({ kind }) => kind === 'train')).toBe(false);
  });

  it('lets a run through that waives it, once for the same answers', async () => {
    expect(await execute(folder(), { gate: 'llava7b-lora-original', waived: true })).toBeGreaterThan(0);
    const gates = readJournal(runFiles.journal(folder())).filter(({ kind }) => kind === 'gate');
    expect(gates.map(({ measured }) => measured.waived)).toEqual([0, 1]);
    // Finished: nothing is checked again.
    expect(await execute(folder(), { gate: 'llava7b-lora-original' })).toBe(0);
    expect(readProvenance(folder()).protocol).toMatchObject({
      instructions: 'Original, in Instructions_Original',
      'task order': 'a list of its own',
    });
  });

  it('passes where the scores are near', () => {
    const config = { ...tinyConfig(folder(), source), zeroShotGate: 'llava7b-lora-original' };
    for (const task of tinyTasks) {
      const lines = Array.from({ length: 4 }, (_, index) =>
        JSON.stringify({ question_id: `${task}-${index}`, prompt: '', text: 'x' }),
      );
      writeFileSync(join(folder(), 'zero-shot', `${task}.jsonl`), `${lines.join('\n')}\n`);
    }
    const check = () => checkZeroShotGate({ config, folder: folder(), source, waived: false });
    expect(check()).toBe("Zero-shot scores of 3 tasks are near llava7b-lora-original's.");
    expect(check()).toBeUndefined();
  });
});

describe('coin run coin', () => {
  it("has the reference's settings (reference.md, Hyper-parameters) and asks for model and data", () => {
    const { stdout } = coin('config', 'coin', '--model', 'm', '--data', 'd');
    for (const line of [
      'rank: 128',
      'alpha: 256',
      'experts: 8',
      'learningRate: 0.0002',
      'warmupRatio: 0.03',
      'maxTokens: 2048',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${line} `, 'm'));
    }
    expect(stdout).toMatch(/taskBatchSizes: \{ScienceQA: 14, TextVQA: 14, ImageNet: 16, GQA: 6, VizWiz: 14/);
    expect(stdout).toMatch(/^testSamples: slim /m);
    writeFileSync(join(top, 'again.yaml'), stdout);
    expect(coin('config', 'again.yaml').stdout).toBe(stdout);
    expect(coin('run', 'coin')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /model: is missing\n {2}hint: give --model FOLDER.*\n.*benchmark: is missing/,
      ),
    });
    expect(coin('run', 'coin', '--model', 'nowhere', '--data', 'data').stderr).toMatch(
      /nowhere: model: no such folder/,
    );
    expect(coin('run', 'coin', '--model', 'model', '--data', 'nowhere').stderr).toMatch(
      /nowhere: benchmark: no such folder/,
    );
  });

  it('refuses the folder of another family', () => {
    mkdirSync(join(top, 'qwen'));
    writeFileSync(join(top, 'qwen', 'config.json'), '{"model_type": "qwen"}');
    expect(coin('run', 'coin', '--model', 'qwen', '--data', 'data')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /config\.json: model_type: a model of the type "qwen" cannot be trained here/,
      ),
    });
  });

  it.each(['coin-qwen', 'coin-minigpt'])('%s can be looked at and not run', (preset) => {
    expect(coin('config', preset, '--model', 'm', '--data', 'd').stdout).toMatch(/learningRate: 0\.00001 /);
    expect(coin('run', preset, '--model', 'm', '--data', 'd')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/cannot be trained here, only LLaVA's family can\n {2}hint: /),
    });
  });
});
