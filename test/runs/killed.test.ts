// Real processes: killed without warning, and asked to stop.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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

/** A process that executes the run; after `batches` batches, `act` is called. Gives its lines and how it ended. */
async function child(folder: string, batches: number, act: (process: ChildProcess) => void) {
  const config = JSON.stringify(tinyConfig(folder, source));
  const script = join(repository, 'test', 'support', 'run-child.mjs');
  const running = spawn(process.execPath, [script, folder, source.root, config, '15'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    running.on('close', (code, signal) => resolve({ code, signal }));
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: running.stdout })) {
    lines.push(line);
    if (lines.length === batches) act(running);
  }
  return { lines, ...(await ended) };
}

async function uninterrupted() {
  const folder = join(top, 'uninterrupted');
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
  for (const after of [2, 13, 7, 1, 9, 16]) {
    const { lines, signal } = await child(folder, after, (running) => running.kill('SIGKILL'));
    expect(signal).toBe('SIGKILL');
    expect(existsSync(join(folder, 'lock'))).toBe(true);
    done.push(...lines);
  }
  const last = await child(folder, -1, () => {});
  expect(last).toMatchObject({ code: 0, signal: null });
  done.push(...last.lines);
  expect(artefacts(folder)).toEqual(expected);
  // The fake engine saves after every batch, so that nothing is computed twice.
  expect(done).toEqual(batches);
  const finished = await child(folder, -1, () => {});
  expect(finished).toEqual({ code: 0, signal: null, lines: [] });
});

it('asked to stop, finishes the batch, exits with 130 and can go on', async () => {
  const { expected } = await uninterrupted();
  const folder = join(top, 'stopped');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { lines, code } = await child(folder, 12, (running) => running.kill(signal));
    expect(code).toBe(130);
    expect(lines).toContain('stopping');
    expect(lines.length).toBeLessThanOrEqual(14);
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  }
  expect(await child(folder, -1, () => {})).toMatchObject({ code: 0 });
  expect(artefacts(folder)).toEqual(expected);
});
