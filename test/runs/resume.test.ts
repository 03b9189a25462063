// A run that is stopped anywhere and started again ends with the same files as one that was not, and does nothing twice.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import { builtIn } from '../../src/config/catalogue.ts';
import type { RunConfig } from '../../src/config/load.ts';
import { planRun } from '../../src/config/plan.ts';
import { lockFolder } from '../../src/formats/files/lock.ts';
import { executeRun, type RunObserver } from '../../src/runs/execute.ts';
import { RunInterrupted } from '../../src/runs/interrupted.ts';
import { readJournal } from '../../src/runs/journal.ts';
import { runFiles } from '../../src/runs/run-folder.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { FakeEngine, type FakeEngineOptions } from '../support/fake-engine.mjs';
import { artefacts, tinyConfig, writeTinyData } from '../support/tiny-run.ts';

let top: string;
let source: TaskSource;
let expected: Readonly<Record<string, string>>;
let batches: readonly string[];
let folders = 0;

const freshFolder = () => join(top, `run-${folders++}`);

interface TryOptions extends FakeEngineOptions {
  readonly config?: Partial<RunConfig>;
  readonly observer?: RunObserver;
  readonly signal?: AbortSignal;
}

/** One try; the batches that it computed. */
async function tryRun(folder: string, options: TryOptions = {}) {
  const { onBatch, machine, config, observer, signal } = options;
  const done: string[] = [];
  let engines = 0;
  const run = executeRun({
    config: { ...tinyConfig(folder, source), ...config },
    folder,
    source,
    observer,
    signal,
    openEngine: async () => {
      engines++;
      return new FakeEngine({
        machine,
        onBatch: async (batch) => {
          done.push(batch);
          await onBatch?.(batch);
        },
      });
    },
  });
  const error: unknown = await run.then(
    () => undefined,
    (reason) => reason,
  );
  return { done, error, engines, executed: error === undefined ? await run : 0 };
}

beforeAll(async () => {
  top = mkdtempSync(join(tmpdir(), 'coin-run-'));
  source = writeTinyData(join(top, 'data'));
  const folder = freshFolder();
  const { done, error } = await tryRun(folder);
  expect(error).toBeUndefined();
  [expected, batches] = [artefacts(folder), done];
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

it('leaves an adapter per stage, predictions per stage and seen task, and nothing else', () => {
  const stages = ['1-VQAv2', '2-ImageNet', '3-OCRVQA'];
  const tasks = ['VQAv2', 'ImageNet', 'OCRVQA'];
  const files = ['lora', 'moelora'].flatMap((method) =>
    stages.flatMap((stage, index) => [
      `${method}/${stage}/adapter/projector/weights`,
      `${method}/${stage}/adapter/weights`,
      ...tasks.slice(0, index + 1).map((task) => `${method}/${stage}/predictions/${task}.jsonl`),
    ]),
  );
  expect(Object.keys(expected)).toEqual([...files, ...tasks.map((task) => `zero-shot/${task}.jsonl`)].sort());
  expect(new Set(batches).size).toBe(batches.length);
});

describe('stopped and started again', () => {
  it('at every step boundary', async () => {
    const steps = planRun(tinyConfig('', source), builtIn);
    for (let stopAfter = 1; stopAfter < steps.length; stopAfter++) {
      const folder = freshFolder();
      const controller = new AbortController();
      let finished = 0;
      const observer = { stepFinished: () => ++finished === stopAfter && controller.abort() };
      const first = await tryRun(folder, { observer, signal: controller.signal });
      expect(first.error).toEqual(new RunInterrupted(steps.length - stopAfter));
      const second = await tryRun(folder);
      expect(second.executed).toBe(steps.length - stopAfter);
      expect([...first.done, ...second.done]).toEqual(batches);
      expect(artefacts(folder)).toEqual(expected);
    }
  });

  it('after every batch, within steps: from the checkpoint, from the answers given', async () => {
    const folder = freshFolder();
    const done: string[] = [];
    for (let tries = 0; tries <= batches.length; tries++) {
      const controller = new AbortController();
      const attempt = await tryRun(folder, { onBatch: () => controller.abort(), signal: controller.signal });
      done.push(...attempt.done);
      if (attempt.error === undefined) break;
      expect(attempt.error).toBeInstanceOf(RunInterrupted);
    }
    expect(done).toEqual(batches);
    expect(artefacts(folder)).toEqual(expected);
  });

  it('after any error, which is passed on', async () => {
    const folder = freshFolder();
    const full = new UserError({ file: 'x', message: 'the disk is full' });
    for (const breakAt of [5, 13, 14, 40]) {
      let batch = 0;
      const onBatch = () => {
        if (++batch === breakAt) throw full;
      };
      expect((await tryRun(folder, { onBatch })).error).toBe(full);
    }
    expect((await tryRun(folder)).error).toBeUndefined();
    expect(artefacts(folder)).toEqual(expected);
  });
});

it('says that the disk is full, wherever the engine meets it', async () => {
  const folder = freshFolder();
  const onBatch = () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', path: 'some/file' });
  };
  const { error } = await tryRun(folder, { onBatch });
  expect(error).toBeInstanceOf(UserError);
  expect(String(error)).toMatch(/some\/file: cannot be written: the disk is full\n {2}hint: free some space/);
});

it('ends when its folder is taken away while it trains, and makes no other in its place', async () => {
  const folder = freshFolder();
  let batch = 0;
  const onBatch = () => {
    if (++batch === 14) renameSync(folder, `${folder}-moved`);
  };
  const { error } = await tryRun(folder, { onBatch });
  expect(error).toBeInstanceOf(UserError);
  expect(String(error)).toContain(folder);
  expect(existsSync(folder)).toBe(false);
  // What was completed went with the folder; put back, the run goes on.
  renameSync(`${folder}-moved`, folder);
  // Its process would be gone.
  rmSync(join(folder, 'lock'));
  expect((await tryRun(folder)).error).toBeUndefined();
  expect(artefacts(folder)).toEqual(expected);
});

it('that failed before its first step binds nobody to its configuration', async () => {
  const folder = freshFolder();
  const other = { methods: ['lora' as const], seed: 7 };
  const failed = executeRun({
    config: { ...tinyConfig(folder, source), ...other },
    folder,
    source,
    prepare: () => {
      throw new UserError('the weights are not there');
    },
    openEngine: async () => new FakeEngine(),
  });
  await expect(failed).rejects.toThrow('the weights are not there');
  expect((await tryRun(folder)).error).toBeUndefined();
  expect(artefacts(folder)).toEqual(expected);
  const { error } = await tryRun(folder, { config: other });
  expect(String(error)).toContain('seed: the run began with 0, now it is 7');
});

describe('a finished run', () => {
  it('does nothing, and opens no engine', async () => {
    const folder = freshFolder();
    await tryRun(folder);
    const journal = readFileSync(runFiles.journal(folder), 'utf8');
    expect(await tryRun(folder)).toMatchObject({ executed: 0, engines: 0, done: [] });
    expect(readFileSync(runFiles.journal(folder), 'utf8')).toBe(journal);
  });

  it('does again what was damaged, and no more when that gives the same', async () => {
    const folder = freshFolder();
    await tryRun(folder);
    writeFileSync(join(folder, 'lora/1-VQAv2/adapter/weights'), 'damaged');
    rmSync(join(folder, 'moelora/2-ImageNet/predictions/VQAv2.jsonl'));
    const { done, executed } = await tryRun(folder);
    expect(executed).toBe(2);
    expect(done.filter((batch) => batch.includes('step'))).toEqual(
      [1, 2, 3].map((step) => `lora/1-VQAv2 step ${step}`),
    );
    expect(artefacts(folder)).toEqual(expected);
  });

  it('does again what was made from an adapter that came out otherwise', async () => {
    const folder = freshFolder();
    await tryRun(folder);
    rmSync(join(folder, 'lora/2-ImageNet/adapter'), { recursive: true });
    // What a third stage had begun from the adapter that is lost.
    mkdirSync(join(folder, 'lora/3-OCRVQA/checkpoint'));
    writeFileSync(join(folder, 'lora/3-OCRVQA/checkpoint/state.json'), '{"step":2,"state":"old"}');
    const { executed, done } = await tryRun(folder, { machine: 'another' });
    // Stage 2: training and two evaluations. Stage 3: training and three evaluations.
    expect(executed).toBe(7);
    expect(done.filter((batch) => batch.includes('step'))).toHaveLength(6);
    const after = artefacts(folder);
    const changed = Object.keys(expected).filter((file) => after[file] !== expected[file]);
    expect(changed.filter((file) => !/^lora\/[23]/.test(file))).toEqual([]);
    expect(changed).toContain('lora/3-OCRVQA/adapter/weights');
    expect(Object.keys(after)).toEqual(Object.keys(expected));
  });

  it('refuses another configuration and names the keys; output and provider are free', async () => {
    const folder = freshFolder();
    await tryRun(folder);
    const { training } = tinyConfig(folder, source);
    const changed = await tryRun(folder, {
      config: { seed: 3, training: { ...training, epochs: 2 }, methods: ['lora'] },
    });
    expect(changed.error).toBeInstanceOf(UserError);
    expect(String(changed.error)).toMatch(
      /methods: the run began with \[lora, moelora\], now it is \[lora\]/,
    );
    expect(String(changed.error)).toMatch(/seed: the run began with 0, now it is 3/);
    expect(String(changed.error)).toMatch(
      /training\.epochs: the run began with 1, now it is 2\n {2}hint: .*--output/,
    );
    expect(await tryRun(folder, { config: { provider: 'webgpu', output: 'x' } })).toMatchObject({
      executed: 0,
    });
  });
});

describe('the journal', () => {
  it('loses a torn last line and goes on', async () => {
    const folder = freshFolder();
    await tryRun(folder);
    const journal = readFileSync(runFiles.journal(folder), 'utf8');
    writeFileSync(runFiles.journal(folder), journal.slice(0, -20));
    expect(await tryRun(folder)).toMatchObject({ executed: 1 });
    expect(artefacts(folder)).toEqual(expected);
    expect(readJournal(runFiles.journal(folder))).toHaveLength(journal.split('\n').length - 1);
  });

  it.each([
    ['{"kind":"train"', /row|expected/],
    ['{"kind":"dream","key":"x","at":"","from":"","files":{},"measured":{}}', /kind/],
    ['{"kind":"train","key":"x","at":"","from":"","files":{"a":"b"},"measured":{}}', /expected a SHA-256/],
  ])('names the row of anything else: %s', async (line, message) => {
    const folder = freshFolder();
    await tryRun(folder);
    const lines = readFileSync(runFiles.journal(folder), 'utf8').split('\n');
    lines[4] = line;
    writeFileSync(runFiles.journal(folder), lines.join('\n'));
    const { error } = await tryRun(folder);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ issues: [{ file: runFiles.journal(folder), line: 5 }] });
    expect(String(error)).toMatch(message);
  });
});

describe('the folder', () => {
  it('belongs to one process at a time', async () => {
    const folder = freshFolder();
    const release = lockFolder(folder);
    expect(String((await tryRun(folder)).error)).toMatch(`in use by process ${process.pid}`);
    release();
    expect((await tryRun(folder)).error).toBeUndefined();
  });

  it('is taken over from a process that is gone, or whose number is another process now', async () => {
    const folder = freshFolder();
    lockFolder(folder);
    const lock = join(folder, 'lock');
    const mine = JSON.parse(readFileSync(lock, 'utf8'));
    writeFileSync(lock, JSON.stringify({ ...mine, birth: 'another boot:1' }));
    expect((await tryRun(folder)).error).toBeUndefined();
    writeFileSync(lock, JSON.stringify({ ...mine, host: 'elsewhere' }));
    expect(String((await tryRun(folder)).error)).toMatch(/on elsewhere\n {2}hint: .*delete/);
  });

  it('is not taken when it holds something else', async () => {
    const { error } = await tryRun(source.root);
    expect(String(error)).toMatch(/expected the folder of a run or an empty one, found .*cl_dataset/);
    rmSync(join(source.root, 'lock'), { force: true });
  });
});

it('reads all data before the first step', async () => {
  const broken = writeTinyData(join(top, 'broken'));
  writeFileSync(join(broken.root, 'Instructions_Original', 'OCRVQA', 'train.json'), '[{"id": "1"}]');
  const folder = freshFolder();
  let engines = 0;
  const run = executeRun({
    config: tinyConfig(folder, broken),
    folder,
    source: broken,
    openEngine: async () => {
      engines++;
      return new FakeEngine();
    },
  });
  await expect(run).rejects.toThrow(/OCRVQA.train\.json:1: conversations/);
  expect(engines).toBe(0);
});
