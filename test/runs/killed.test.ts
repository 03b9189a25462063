// Real processes: killed without warning, and asked to stop.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { executeRun } from '../../src/runs/execute.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { buildIfStale, repository } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { artefacts, tinyConfig, writeTinyData } from '../support/tiny-run.ts';

let top: string;
let source: TaskSource;

beforeAll(() => {
  buildIfStale();
  top = mkdtempSync(join(tmpdir(), 'coin-killed-'));
  source = writeTinyData(join(top, 'data'));
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

interface Stop {
  /** After so many batches, the signal that the process sends itself. */
  readonly after?: readonly [batches: number, signal: NodeJS.Signals];
  /** Where it kills itself instead (docs/testing.md). */
  readonly at?: string;
}

/** A process that executes the run. Gives its lines and how it ended. */
function child(folder: string, { after, at = '' }: Stop = {}) {
  const config = JSON.stringify(tinyConfig(folder, source));
  const script = join(repository, 'test', 'support', 'run-child.mjs');
  const all = [script, folder, source.root, config, ...(after ?? []).map(String)];
  const env = { ...process.env, COIN_KILL: at };
  const { stdout, status, signal } = spawnSync(process.execPath, all, {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { lines: stdout.split('\n').slice(0, -1), code: status, signal };
}

/** What the run leaves when nothing stops it. */
async function uninterrupted() {
  const folder = mkdtempSync(join(top, 'uninterrupted-'));
  const batches: string[] = [];
  const engine = new FakeEngine({ onBatch: (batch) => void batches.push(batch) });
  await executeRun({ config: tinyConfig(folder, source), folder, source, openEngine: async () => engine });
  return { expected: artefacts(folder), batches };
}

it('killed with kill -9 again and again, ends with the same bytes', async () => {
  const { expected, batches } = await uninterrupted();
  const folder = join(top, 'killed');
  const done: string[] = [];
  // In the zero-shot row, in a training, in an evaluation, and wherever it then is.
  for (const number of [2, 13, 7, 1, 9, 16]) {
    const { lines, signal } = child(folder, { after: [number, 'SIGKILL'] });
    expect({ signal, batches: lines.length }).toEqual({ signal: 'SIGKILL', batches: number });
    expect(existsSync(join(folder, 'lock'))).toBe(true);
    done.push(...lines);
  }
  const last = child(folder);
  expect(last).toMatchObject({ code: 0, signal: null });
  done.push(...last.lines);
  expect(artefacts(folder)).toEqual(expected);
  // The fake engine saves after every batch, so that nothing is computed twice.
  expect(done).toEqual(batches);
  expect(child(folder)).toEqual({ code: 0, signal: null, lines: [] });
});

it.each([
  'write:5:within',
  'rename:9:before',
  'rename:9:after',
  'journal:6:before',
  'journal:6:within',
  'journal:5:after',
])('killed at %s until it gets to the end, ends with the same bytes', async (at) => {
  const { expected } = await uninterrupted();
  const folder = join(top, at.replaceAll(':', '-'));
  let kills = 0;
  for (let ended = child(folder, { at }); ended.code !== 0; ended = child(folder, { at })) {
    expect(ended.signal).toBe('SIGKILL');
    expect(++kills).toBeLessThan(20);
  }
  expect(kills).toBeGreaterThan(1);
  expect(artefacts(folder)).toEqual(expected);
});

it.each(['SIGINT', 'SIGTERM'] as const)(
  'asked by %s to stop, finishes the batch, exits with 130 and can go on',
  async (signal) => {
    const { expected } = await uninterrupted();
    const folder = join(top, `stopped by ${signal}`);
    const { lines, code } = child(folder, { after: [12, signal] });
    expect(code).toBe(130);
    expect(lines).toHaveLength(13);
    expect(lines.at(-1)).toBe('stopping');
    expect(existsSync(join(folder, 'lock'))).toBe(false);
    expect(child(folder)).toMatchObject({ code: 0 });
    expect(artefacts(folder)).toEqual(expected);
  },
);
