// Every method goes through a small stream to the end, and killed with kill -9 in the middle of a stage ends with the same
// bytes. One process trains them all, one after another; another has two engines side by side and is killed once in each
// method.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { buildNanoData } from '../src/benchmarks/nano/build.ts';
import { listFiles, sha256OfFile } from '../src/formats/files.ts';
import { type Method, methodNames, methods } from '../src/methods/index.ts';
import { readJournal } from '../src/runs/journal.ts';
import { buildIfStale, commandLine } from './support/built.ts';
import { writeToyModel } from './support/toy-model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-methods-'));
const [whole, killed, configFile] = [join(root, 'whole'), join(root, 'killed'), join(root, 'run.yaml')];
const tasks = ['ImageNet', 'GQA'];
const trained = methodNames.filter((name) => (methods[name] as Method).stream !== 'untrained');

beforeAll(async () => {
  buildIfStale();
  await writeToyModel(join(root, 'model'));
  await buildNanoData({ folder: join(root, 'data'), trainPerTask: 12, testPerTask: 3 });
  const config = {
    model: join(root, 'model'),
    benchmark: join(root, 'data'),
    methods: [...methodNames],
    tasks,
    trainSamples: 12,
    testSamples: 3,
    adapter: { rank: 4, alpha: 8, experts: 2, dropout: 0.1 },
    training: { batchSize: 2, learningRate: 0.01, checkpointEverySteps: 1 },
    evaluation: { slots: 3, maxNewTokens: 4 },
    methodSettings: { mrlora: { samplesPerTask: 2, routerEpochs: 1 }, ewc: { samples: 4 } },
  };
  writeFileSync(configFile, stringify(config));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function start(
  output: string,
  jobs = 2,
): { readonly child: ChildProcess; readonly ended: Promise<number | null> } {
  const child = spawn(
    process.execPath,
    [commandLine, 'run', configFile, '--output', output, '--jobs', String(jobs), '--quiet'],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve(code))) };
}

/** Hashes of everything that training and answering made. */
function outcome(folder: string): Record<string, string> {
  const files = listFiles(folder).filter((file) => /adapter|predictions|zero-shot/.test(file));
  return Object.fromEntries(files.map((file) => [file, sha256OfFile(join(folder, file))]));
}

describe('all methods', () => {
  it('go through the stream to the end', async () => {
    expect(await start(whole, 1).ended).toBe(0);
    const { modes } = JSON.parse(readFileSync(join(whole, 'metrics.json'), 'utf8'));
    expect(Object.keys(modes.strict.methods)).toEqual([...methodNames]);
    for (const name of methodNames) {
      expect(modes.strict.methods[name].matrix.rows.map(({ after }: { after: string }) => after)).toEqual(
        tasks,
      );
    }
  });

  it('killed in a stage of each, end with the same bytes', async () => {
    let kills = 0;
    for (const name of trained) {
      const stage = (methods[name] as Method).stream === 'joint' ? 'all' : '2-GQA';
      const checkpoint = join(killed, name, stage, 'checkpoint', 'state.safetensors');
      const { child, ended } = start(killed);
      let over = false;
      void ended.then(() => {
        over = true;
      });
      while (!over && !existsSync(checkpoint)) await sleep(2);
      if (!over) kills++;
      child.kill('SIGKILL');
      await ended;
    }
    // A stage may be over before it is looked at, but not every time.
    expect(kills).toBeGreaterThan(trained.length / 2);
    expect(await start(killed).ended).toBe(0);
    expect(outcome(killed)).toEqual(outcome(whole));
    // Two methods were under way at once, so their stages do not follow each other.
    const trainings = (folder: string) =>
      readJournal(join(folder, 'journal.jsonl')).flatMap(({ kind, key }) => (kind === 'train' ? [key] : []));
    expect(new Set(trainings(killed))).toEqual(new Set(trainings(whole)));
    expect(trainings(killed)).not.toEqual(trainings(whole));
  });
});
