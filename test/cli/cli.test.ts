// The real command in real processes: what it prints and where, and its exit codes.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executeRun } from '../../src/runs/execute.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { buildIfStale, commandLine, repository } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

let folder: string;

beforeAll(() => {
  buildIfStale();
  folder = mkdtempSync(join(tmpdir(), 'coin-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function coin(...parameters: readonly string[]) {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, ...parameters], {
    cwd: folder,
    encoding: 'utf8',
    env,
  });
  return { status, stdout, stderr };
}

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return name;
}

describe('help', () => {
  it('lists the commands, without colours in a pipe', () => {
    const { status, stdout, stderr } = coin('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of ['run', 'config', 'metrics', 'report', 'data'])
      expect(stdout).toContain(`  ${command}  `);
    expect(stdout).not.toContain('\u001B');
    expect(coin().stdout).toBe(stdout);
    expect(coin('run', '--help').stdout).toMatch(/--set KEY=VALUE /);
    expect(coin('data', 'nano', '--help').stdout).toMatch(/^coin data nano \[OPTIONS\]\n/);
    expect(coin('help', 'data', 'nano')).toEqual(coin('data', 'nano', '--help'));
    expect(coin('data')).toMatchObject({ status: 2, stdout: coin('data', '--help').stdout });
  });

  it('knows its version', () => {
    const { version } = JSON.parse(readFileSync(join(commandLine, '../../../package.json'), 'utf8'));
    expect(coin('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('mistakes have exit code 2, one message and no stack', () => {
  it.each([
    [['rum'], /^unknown command "rum"\n {2}hint: did you mean run\?\n$/],
    [['rnu'], /^unknown command "rnu"\n {2}hint: did you mean run\?\n$/],
    [['doctor'], /^unknown command "doctor"\n {2}hint: did you mean coin data doctor\?\n$/],
    [['--hlep'], /^unknown option --hlep\n {2}hint: did you mean --help\?\n$/],
    [['data', 'nanno'], /^unknown command "nanno"\n {2}hint: did you mean nano\?\n$/],
    [['run', '--sede', '1'], /^unknown option --sede\n {2}hint: did you mean --seed/],
    [['run', 'a', 'b'], /^unexpected argument "b"\n$/],
    [['run', '--seed'], /--seed/],
    [['report'], /^expected RUN\n/],
    [['data', 'nano'], /--to/],
    [['metrics'], /^expected either the folder of a run or --matrix FILE\n$/],
    [['metrics', 'nowhere'], /^nowhere.config\.json: no such file\n {2}hint: /],
    [['metrics', '--matrix', 'nowhere.json'], /^nowhere\.json: no such file\n$/],
    [['config', 'nowhere.yaml'], /^nowhere\.yaml: no such file\n/],
    [['config', '--seed', 'many'], /^--seed many: seed: expected a number, found "many"\n$/],
    [
      ['config', '--set', 'training.epochs=x'],
      /^--set training\.epochs=x: training\.epochs: expected a number/,
    ],
    [
      ['run', '--set', 'model=./missing'],
      /missing: model: no such folder\n {2}hint: expected nano, or a folder/,
    ],
  ])('coin %j', (parameters, message) => {
    const { status, stdout, stderr } = coin(...parameters);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('in a configuration point at line and column', () => {
    const yaml = file('wrong.yaml', 'model: nano\nbenchmark: nano\nadapter:\n  rank: 12\n  alfa: 3\n');
    expect(coin('run', yaml).stderr).toBe(
      'wrong.yaml:5:3: adapter.alfa: unknown key\n  hint: did you mean alpha?\n',
    );
    const indivisible = file('rank.yaml', 'model: nano\nbenchmark: nano\nadapter:\n  rank: 13\n');
    expect(coin('run', indivisible)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /^rank\.yaml:4:9: adapter\.rank: expected a multiple of the number of experts/,
      ),
    });
  });

  it('in a matrix name the row', () => {
    const matrix = file('bad.json', '{"tasks": ["a", "b"], "rows": [{"after": "a", "scores": {"b": 1}}]}');
    expect(coin('metrics', '--matrix', matrix)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('bad.json'),
    });
  });
});

describe('coin config', () => {
  it('prints what it reads: its own output is a configuration', () => {
    const first = coin('config', 'nano', '--seed', '5', '--set', 'training.epochs=2', '--set', 'tasks=[GQA]');
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(/^seed: 5 /m);
    expect(first.stdout).toMatch(/^ {2}epochs: 2 /m);
    expect(coin('config', file('again.yaml', first.stdout))).toEqual(first);
  });

  it('prints a JSON schema, which is the one that comes along for editors', () => {
    const shipped = join(repository, 'assets', 'schemas', 'run.schema.json');
    // Otherwise: npm run schemas.
    expect(coin('config', '--schema').stdout).toBe(readFileSync(shipped, 'utf8'));
    expect(coin('config').stdout.split('\n')[0]).toBe(`# yaml-language-server: $schema=${shipped}`);
    expect(JSON.parse(coin('config', '--schema').stdout)).toMatchObject({ required: ['model', 'benchmark'] });
  });
});

describe('coin metrics', () => {
  it('sums up a matrix', () => {
    const matrix = file(
      'matrix.json',
      '{"tasks":["a","b"],"rows":[{"after":"a","scores":{"a":80}},{"after":"b","scores":{"a":50,"b":70}}]}',
    );
    // MAA = (80 + (50 + 70) / 2) / 2, BWT = (50 - 80) / 2.
    const { status, stdout, stderr } = coin('metrics', '--matrix', matrix, '--json');
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '{"maa":70,"bwt":-15,"finalAverage":60}\n',
      stderr: '',
    });
    expect(coin('metrics', '--matrix', matrix).stdout).toBe('MAA 70.00  BWT -15.00  ACC 60.00\n');
  });

  it('recomputes a run and writes its report', async () => {
    const source = writeTinyData(join(folder, 'data'));
    const modelFolder = join(folder, 'model');
    mkdirSync(modelFolder);
    writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava"}');
    const run = join(folder, 'run');
    const tiny = tinyConfig(run, source);
    await executeRun({
      config: { ...tiny, model: modelFolder, adapter: { ...tiny.adapter, match: 'none' } },
      folder: run,
      source,
      prepare: () => recordProvenance(run, { source, tasks: tinyTasks, modelFolder }),
      openEngine: async () => new FakeEngine(),
    });
    const { status, stdout, stderr } = coin('metrics', 'run', '--json');
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'There is no metrics.json yet: the run has not been finished.\n',
    });
    expect(JSON.parse(stdout)).toMatchObject({
      tasks: tinyTasks,
      modes: { strict: { methods: { lora: {} } } },
    });
    expect(coin('metrics', 'run').stdout).toMatch(/BWT/);

    expect(coin('report', 'run')).toEqual({ status: 0, stdout: 'run/report.html\n', stderr: '' });
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/i);

    // A finished run needs no engine: it writes what is missing and prints.
    const yaml = file(
      'tiny.yaml',
      `name: tiny\nmodel: model\nbenchmark: data\ntasks: [${tinyTasks}]\noutput: run\nadapter: {match: none}\ntraining: {batchSize: 2}\nevaluation: {slots: 1}\n`,
    );
    const finished = coin('run', yaml);
    expect(finished).toMatchObject({ status: 0, stderr: '' });
    expect(finished.stdout).toMatch(/Report: run.report\.html\n$/);
    // Both aspects, without being asked for; the second is called what it is.
    expect(finished.stdout).toContain('General knowledge, lexical stand-in');
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('Not a judge.');
    expect(existsSync(join(run, 'lock'))).toBe(false);
    expect(coin('metrics', 'run').stderr).toBe('metrics.json says the same.\n');
    expect(coin('run', yaml, '--seed', '1')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/config\.json: seed: the run began with 0, now it is 1\n {2}hint: /),
    });
    const metrics = join(run, 'metrics.json');
    writeFileSync(metrics, readFileSync(metrics, 'utf8').replace(/"maa": [\d.]+/, '"maa": 99'));
    expect(coin('metrics', 'run').stderr).toMatch(/^metrics\.json says something else/);
  });
});
