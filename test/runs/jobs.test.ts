// Steps of a run done side by side: in what order, and that the files are those of one step after the other, however often
// the run is stopped. Engines in real threads are in methods-run.test.ts.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import { builtIn } from '../../src/config/catalogue.ts';
import { planRun, type Step } from '../../src/config/plan.ts';
import { jobsOf } from '../../src/engine/jobs.ts';
import { executeRun, type RunObserver } from '../../src/runs/execute.ts';
import { RunInterrupted } from '../../src/runs/interrupted.ts';
import { StepBoard } from '../../src/runs/step-board.ts';
import type { TaskSource } from '../../src/tasks/task.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { artefacts, tinyConfig, writeTinyData } from '../support/tiny-run.ts';

let top: string;
let source: TaskSource;
let expected: Readonly<Record<string, string>>;
let folders = 0;
const freshFolder = () => join(top, `run-${folders++}`);

interface TryOptions {
  readonly jobs?: number;
  readonly signal?: AbortSignal;
  readonly observer?: RunObserver;
  readonly onBatch?: () => void;
}

async function tryRun(folder: string, { jobs, signal, observer, onBatch }: TryOptions = {}) {
  const engines: FakeEngine[] = [];
  const error: unknown = await executeRun({
    config: tinyConfig(folder, source),
    folder,
    source,
    jobs,
    signal,
    observer,
    openEngine: async () => {
      const engine = new FakeEngine({
        onBatch: async () => {
          // Gives way, as a thread does.
          await sleep(0);
          onBatch?.();
        },
      });
      engines.push(engine);
      return engine;
    },
  }).then(
    () => undefined,
    (reason) => reason,
  );
  return { engines, error };
}

beforeAll(async () => {
  top = mkdtempSync(join(tmpdir(), 'coin-jobs-'));
  source = writeTinyData(join(top, 'data'));
  const folder = freshFolder();
  expect((await tryRun(folder)).error).toBeUndefined();
  expected = artefacts(folder);
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

describe('a run in jobs', () => {
  it.each([2, 3, 9])('%i at a time gives the same files, and every engine is closed', async (jobs) => {
    const folder = freshFolder();
    const underWay = new Set<Step>();
    let most = 0;
    const { engines, error } = await tryRun(folder, {
      jobs,
      observer: {
        stepStarted: (step) => {
          underWay.add(step);
          most = Math.max(most, underWay.size);
        },
        stepFinished: (step) => void underWay.delete(step),
      },
    });
    expect(error).toBeUndefined();
    expect(artefacts(folder)).toEqual(expected);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(jobs);
    expect(engines.length).toBeLessThanOrEqual(jobs);
    expect(engines.every(({ closed }) => closed)).toBe(true);
  });

  it('stopped after every batch, goes on where it was', async () => {
    const folder = freshFolder();
    let tries = 0;
    for (; ; tries++) {
      const controller = new AbortController();
      const { error } = await tryRun(folder, {
        jobs: 2,
        signal: controller.signal,
        onBatch: () => controller.abort(),
      });
      if (error === undefined) break;
      expect(error).toBeInstanceOf(RunInterrupted);
    }
    expect(tries).toBeGreaterThan(10);
    expect(artefacts(folder)).toEqual(expected);
  });

  it('ends with the first error, and the other job after its batch', async () => {
    const folder = freshFolder();
    const full = new UserError('the disk is full');
    let batch = 0;
    const { engines, error } = await tryRun(folder, {
      jobs: 2,
      onBatch: () => {
        if (++batch === 20) throw full;
      },
    });
    expect(error).toBe(full);
    expect(batch).toBeLessThan(24);
    expect(engines.every(({ closed }) => closed)).toBe(true);
    expect((await tryRun(folder, { jobs: 2 })).error).toBeUndefined();
    expect(artefacts(folder)).toEqual(expected);
  });

  it('passes on that an engine cannot be opened', async () => {
    const refused = new UserError('no such model');
    const folder = freshFolder();
    const run = executeRun({
      config: tinyConfig(folder, source),
      folder,
      source,
      jobs: 2,
      openEngine: async () => {
        throw refused;
      },
    });
    await expect(run).rejects.toBe(refused);
  });
});

describe('the board', () => {
  const steps = planRun(
    {
      tasks: ['GQA', 'VQAv2', 'ImageNet'],
      methods: ['lora', 'moelora', 'joint'],
      evaluation: { zeroShot: true, unseen: false },
    },
    builtIn,
  );

  const zeroShot = steps.filter((step) => step.kind === 'evaluate' && step.trained === undefined);

  it('gives a single worker the plan', async () => {
    const board = new StepBoard(steps, { workers: 1, isComplete: () => false });
    const taken: Step[] = [];
    for (let step = await board.take(); step !== undefined; step = await board.take(step)) {
      taken.push(step);
      board.finish(step);
    }
    expect(taken).toEqual(steps);
  });

  it('has each worker train a method through, then shares the evaluations', async () => {
    const board = new StepBoard(steps, { workers: 2, isComplete: () => false });
    const taken: string[][] = [[], []];
    const work = async (worker: number) => {
      for (let step = await board.take(); step !== undefined; step = await board.take(step)) {
        taken[worker]?.push(step.key);
        await sleep(1);
        board.finish(step);
      }
    };
    await Promise.all([work(0), work(1)]);
    const trainings = taken.map((keys) => keys.filter((key) => key.endsWith('/train')));
    expect(trainings[0]?.slice(0, 3).every((key) => key.startsWith('lora/'))).toBe(true);
    expect(trainings[1]?.slice(0, 3).every((key) => key.startsWith('moelora/'))).toBe(true);
    expect(taken.flat().sort()).toEqual(steps.map(({ key }) => key).sort());
  });

  it('hands out every step once, after what it needs, for any workers and any speeds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.nat(4), { minLength: 1 }),
        async (workers, pauses) => {
          const board = new StepBoard(steps, { workers, isComplete: () => false });
          const done = new Set<string>();
          const taken: string[] = [];
          const work = async () => {
            for (let step = await board.take(); step !== undefined; step = await board.take(step)) {
              const needed = step.kind === 'train' ? step.previous : step.trained;
              if (needed !== undefined) expect(done).toContain(needed.key);
              if (step.kind === 'train') for (const { key } of zeroShot) expect(done).toContain(key);
              taken.push(step.key);
              const pause = pauses[taken.length % pauses.length] ?? 0;
              for (let i = 0; i < pause; i++) await Promise.resolve();
              done.add(step.key);
              board.finish(step);
            }
          };
          await Promise.all(Array.from({ length: workers }, work));
          expect(taken.sort()).toEqual(steps.map(({ key }) => key).sort());
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('the number of jobs', () => {
  const machine = { cores: 8, memory: 64e9 };
  const modelOf = (bytes: number) => {
    const folder = mkdtempSync(join(top, 'model-'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'model.safetensors'), new Uint8Array(bytes));
    return folder;
  };

  it('follows the methods, the cores and the memory for a small model', () => {
    const folder = modelOf(1000);
    const of = (methods: readonly ('lora' | 'ewc' | 'lwf')[], on = machine) =>
      jobsOf({ provider: 'cpu', methods }, folder, undefined, on);
    expect(of(['lora'])).toEqual({ jobs: 2, threads: 4 });
    expect(of(['lora', 'ewc', 'lwf'])).toEqual({ jobs: 4, threads: 2 });
    expect(of(['lora', 'ewc', 'lwf'], { cores: 2, memory: 64e9 })).toEqual({ jobs: 2, threads: 1 });
    expect(of(['lora', 'ewc', 'lwf'], { cores: 8, memory: 9e9 })).toEqual({ jobs: 2, threads: 4 });
    expect(of(['lora'], { cores: 1, memory: 64e9 })).toEqual({ jobs: 1 });
    expect(of(['lora'], { cores: 8, memory: 2e9 })).toEqual({ jobs: 1 });
  });

  it('is one for a large model and on a device, unless asked for', () => {
    const large = modelOf(257e6);
    expect(jobsOf({ provider: 'cpu', methods: ['lora', 'ewc'] }, large, undefined, machine)).toEqual({
      jobs: 1,
    });
    expect(
      jobsOf({ provider: 'cpu', methods: ['lora'] }, mkdtempSync(join(top, 'e-')), undefined, machine),
    ).toEqual({ jobs: 1 });
    expect(jobsOf({ provider: 'webgpu', methods: ['lora'] }, modelOf(10), undefined, machine)).toEqual({
      jobs: 1,
    });
    expect(jobsOf({ provider: 'cpu', methods: ['lora'] }, large, 3, machine)).toEqual({
      jobs: 3,
      threads: 2,
    });
  });
});
