// Every method goes through a small stream to the end, and killed with kill -9 in each, at a checkpoint and in one of the
// other places, ends with the same bytes. One process trains them all with two engines side by side; those that are killed
// have one engine, so that what a stated moment is does not depend on time. All places in all methods: `npm run torture`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ChoiceCell, MixtureResults } from '../../src/followups/observatory-file.ts';
import { listFiles, sha256OfFile } from '../../src/formats/files/files.ts';
import { type Method, methodNames, methods } from '../../src/methods/index.ts';
import { buildNanoData } from '../../src/nano/world/build.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { writeToyModel } from '../support/toy-model.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-methods-'));
const [whole, killed, configFile] = [join(root, 'whole'), join(root, 'killed'), join(root, 'run.yaml')];
const tasks = ['ImageNet', 'GQA'];
const trained = methodNames.filter((name) => (methods[name] as Method).stream.trains);

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

/** How `coin run` ended: its exit code, or the signal that it was killed by. */
function run(output: string, jobs: number, killedAt = ''): number | string | null {
  const all = [commandLine, 'run', configFile, '--output', output, '--jobs', String(jobs), '--quiet'];
  const env = { ...process.env, COIN_KILL: killedAt };
  const { status, signal } = spawnSync(process.execPath, all, {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return signal ?? status;
}

type ObservedStage = MixtureResults['stages'][number];

/** Files that say when, where or how a run was made, and what was asked of it afterwards. */
const told = /(^|\/)journal\.jsonl$|^(config|provenance|observatory)\.json$|^report\.html$/;

/** Hashes of everything else. */
function outcome(folder: string): Record<string, string> {
  const files = listFiles(folder).filter((file) => !told.test(file));
  return Object.fromEntries(files.map((file) => [file, sha256OfFile(join(folder, file))]));
}

describe('all methods', () => {
  it('go through the stream to the end', () => {
    expect(run(whole, 2)).toBe(0);
    const { modes } = JSON.parse(readFileSync(join(whole, 'metrics.json'), 'utf8'));
    expect(Object.keys(modes.strict.methods)).toEqual([...methodNames]);
    for (const name of methodNames) {
      expect(modes.strict.methods[name].matrix.rows.map(({ after }: { after: string }) => after)).toEqual(
        tasks,
      );
    }
  });

  describe('where they send what they read', () => {
    const file = join(whole, 'observatory.json');
    const observe = (...options: readonly string[]) => {
      const { FORCE_COLOR: _, ...env } = process.env;
      const all = [commandLine, 'observe', whole, '--samples', '2', ...options];
      const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8', env });
      return { status, stdout, stderr };
    };
    const mixtures = ['moelora', 'clmoe', 'smolora'];

    it('is read off saved stages, and only once', () => {
      const { status, stdout, stderr } = observe();
      const stages = mixtures.flatMap((name) =>
        tasks.map((task, i) => `${name}/${i + 1}-${task}: looked at`),
      );
      expect({ status, lines: stderr.trim().split('\n') }).toEqual({ status: 0, lines: stages });
      expect(stdout).toMatch(/A token of MoELoRA|Routing of MoELoRA is uniform/);
      expect(stdout).toContain('HiDe after GQA: which task');
      const written = readFileSync(file);
      expect(observe()).toEqual({ status: 0, stdout, stderr: '' });
      expect(readFileSync(file)).toEqual(written);
      rmSync(file);
      expect(observe().stdout).toBe(stdout);
      expect(readFileSync(file)).toEqual(written);
    });

    it('is kept by layer, task and kind of token, and adds up', () => {
      const { methods: observed, samples } = JSON.parse(readFileSync(file, 'utf8'));
      expect({ samples, names: Object.keys(observed) }).toEqual({ samples: 2, names: mixtures });
      for (const { experts, layers, stages } of Object.values<Record<string, never[]>>(observed)) {
        expect({ experts, layers: layers?.length }).toEqual({ experts: 2, layers: 14 });
        for (const [index, { after, tasks: ofTasks }] of (stages as unknown as ObservedStage[]).entries()) {
          expect(after).toBe(tasks[index]);
          expect(ofTasks.map(({ task }) => task)).toEqual(tasks.slice(0, index + 1));
          for (const { use } of ofTasks) {
            expect(Object.keys(use)).toEqual(['image', 'question', 'answer']);
            for (const { weight, first } of Object.values(use).flatMap(({ layers: each }) => each)) {
              for (const shares of [weight, first]) {
                expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
              }
            }
          }
        }
      }
      const routing = JSON.parse(observe('--json').stdout);
      const choices = routing.choices.filter(({ method }: { method: string }) => method === 'isolated');
      expect(choices.map(({ task, after, to }: ChoiceCell) => [after, task, to])).toEqual([
        ['ImageNet', 'ImageNet', { ImageNet: 3 }],
        ['GQA', 'ImageNet', { ImageNet: 3 }],
        ['GQA', 'GQA', { GQA: 3 }],
      ]);
      for (const { to, routed } of routing.choices as ChoiceCell[]) {
        expect(Object.values(to).reduce((sum, count) => sum + count, 0)).toBe(routed);
      }
    });

    it('is not shown of a stage that was trained again, and is read again', () => {
      const before = readFileSync(file, 'utf8');
      const stale = JSON.parse(before);
      stale.methods.clmoe.stages[1].from = 'of an adapter before';
      writeFileSync(file, JSON.stringify(stale));
      const report = spawnSync(process.execPath, [commandLine, 'report', whole], { encoding: 'utf8' });
      expect(report.status).toBe(0);
      const page = readFileSync(join(whole, 'report.html'), 'utf8');
      expect(page).toContain('Not shown, CL-MoE after GQA: trained again since its gates were read');
      expect(observe()).toMatchObject({ status: 0, stderr: 'clmoe/2-GQA: looked at\n' });
      expect(readFileSync(file, 'utf8')).toBe(before);
    });

    it('is refused where the file is damaged', () => {
      const before = readFileSync(file, 'utf8');
      writeFileSync(file, before.replace('coin-observatory/1', 'coin-observatory/0'));
      expect(observe()).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/observatory\.json: .*schema.*\n.*hint: delete it/s),
      });
      writeFileSync(file, before);
    });
  });

  /** Where else than at a checkpoint: one for each method, by turns. */
  const places = [
    'rename:1:before:STAGE/adapter',
    'journal:1:within',
    'answer:2:within:STAGE',
    'rename:1:after:STAGE/adapter',
    'write:1:within:STAGE/predictions',
    'journal:1:before',
    'rename:1:before:STAGE/predictions',
    'answer:1:after:STAGE',
    'journal:1:after',
    'rename:1:after:STAGE/predictions',
  ];

  it('killed twice in each, end with the same bytes', () => {
    expect(trained.length).toBeGreaterThanOrEqual(places.length);
    for (const [index, name] of trained.entries()) {
      const stage = `${name}/${(methods[name] as Method).stream.changes ? '2-GQA' : 'all'}`;
      const checkpoint = `checkpoint:${1 + (index % 3)}:${index % 2 === 0 ? 'after' : 'before'}:${stage}`;
      for (const point of [checkpoint, places[index % places.length]!.replace('STAGE', stage)]) {
        expect({ point, ended: run(killed, 1, point) }).toEqual({ point, ended: 'SIGKILL' });
      }
    }
    expect(run(killed, 1)).toBe(0);
    expect(outcome(killed)).toEqual(outcome(whole));
  });
});
