// Models that were never trained, from a run's saved stages: a mix with all its weight on one stage answers as the stage
// did, what was answered is not answered again, and what cannot be mixed is refused with the reason.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunConfig } from '../../src/config/load.ts';
import { openMethod } from '../../src/config/open-method.ts';
import { AdapterAnswers } from '../../src/engine/adapter-answers.ts';
import { whatIfResults } from '../../src/followups/what-if.ts';
import { methods } from '../../src/methods/index.ts';
import { blend, stageLora } from '../../src/methods/shared/blend.ts';
import { readStage } from '../../src/methods/shared/stage-files.ts';
import { openRun } from '../../src/runs/open.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { executeToyRun } from '../support/toy-run.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-what-if-'));
const [model, folder] = [join(root, 'model'), join(root, 'run')];
const tasks = ['ImageNet', 'GQA', 'VQAv2'] as const;
let config: RunConfig;

beforeAll(async () => {
  buildIfStale();
  ({ config } = await executeToyRun(
    root,
    { train: 8, test: 6 },
    {
      tasks: [...tasks],
      methods: ['lora', 'merge-then-new', 'moelora'],
      adapter: { rank: 4, alpha: 12, experts: 2, dropout: 0 },
      'training.batchSize': 2,
      'training.learningRate': 0.03,
      'evaluation.maxNewTokens': 6,
    },
  ));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function coin(...parameters: readonly string[]) {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [commandLine, 'what-if', folder, ...parameters],
    {
      cwd: root,
      encoding: 'utf8',
      env,
    },
  );
  return { status, stdout, stderr };
}

const read = (...path: readonly string[]) => readFileSync(join(folder, ...path), 'utf8');

describe('a mix of stages', () => {
  it.each(['lora', 'merge-then-new'] as const)(
    'with all its weight on the last stage of %s gives the answers that the run recorded',
    async (method) => {
      const answers = await AdapterAnswers.open(config, model);
      const { alongside, shape } = answers;
      const open = openMethod(config, methods[method]);
      const stages = [1, 3].map((stage) => {
        const place = join(folder, method, `${stage}-${tasks[stage - 1]}`, 'adapter');
        const state = readStage(place, { method: methods[method], open, model: shape });
        const lora = stageLora(open, state);
        if (lora === undefined) throw new Error('no LoRA');
        const own = new Map([...alongside.keys()].map((name) => [name, state.trained.get(name) as never]));
        return { weight: stage === 3 ? 1 : 0, lora, projector: own };
      });
      const { adapter, projector: mixed } = blend(stages);
      const run = await openRun(folder);
      // Stage 1 answers otherwise, so that the same answers say something.
      const atFirst = read(method, '1-ImageNet', 'predictions', 'ImageNet.jsonl');
      expect(atFirst).not.toBe(read(method, '3-VQAv2', 'predictions', 'ImageNet.jsonl'));
      for (const task of tasks) {
        const predictionFile = join(root, `${method}-${task}.jsonl`);
        const adapted = { spec: adapter.spec, values: new Map([...adapter.values, ...mixed]) };
        const samples = run.evaluations.samples(task);
        await answers.answer({ adapted, task: run.catalogue.tasks.get(task), samples, predictionFile });
        const recorded = read(method, '3-VQAv2', 'predictions', `${task}.jsonl`);
        expect(readFileSync(predictionFile, 'utf8')).toBe(recorded);
      }
      await answers.close();
    },
  );
});

describe('coin what-if', () => {
  it('alone goes from the base model to the last stage, and averages all, of what can be mixed', () => {
    const { status, stdout, stderr } = coin();
    expect({ status, first: stderr.split('\n')[0] }).toEqual({
      status: 0,
      // Two methods, four of six models new on three tasks.
      first: '12 models on every task trained: evaluations to do 24, there 12',
    });
    const lines = stdout.split('\n');
    for (const words of [
      'LoRA, base model',
      'LoRA, 0.75 base model + 0.25 stage 3',
      'LoRA, stage 3, as trained',
      'LoRA, mean of stages 1, 2, 3',
    ])
      expect(lines.filter((line) => line.startsWith(`${words} `))).toHaveLength(1);
    expect(stdout).not.toContain('MoELoRA');
    const file = join(folder, 'what-if', 'lora', '0.75x0+0.25x3', 'GQA.jsonl');
    const made = statSync(file).mtimeMs;
    expect(read('report.html')).toContain('0.75 base model + 0.25 stage 3');

    const again = coin();
    expect(again.stderr).toContain('evaluations to do 0, there 36');
    expect(again.stdout).toBe(stdout);
    expect(statSync(file).mtimeMs).toBe(made);
  });

  it('answers later tasks with earlier stages, of any method', async () => {
    const { status, stdout, stderr } = coin('--method', 'moelora', '--rollback', 'all', '--json');
    expect(status).toBe(0);
    // Stage 1 on two later tasks, stage 2 on one.
    expect(stderr).toContain('3 models on every task trained: evaluations to do 3, there 6');
    const { rows } = JSON.parse(stdout);
    expect(rows.map(({ parts }: { parts: unknown }) => parts)).toEqual(
      [1, 2, 3].map((stage) => [{ stage, weight: 1 }]),
    );
    const metrics = JSON.parse(read('metrics.json')).modes.strict.methods.moelora;
    expect(rows[2].isTrained).toBe(true);
    expect(rows[2].modes.strict.average).toBe(metrics.finalAverage);
    expect(rows[0].modes.strict.scores.ImageNet).toBe(metrics.matrix.rows[0].scores.ImageNet);
    const found = whatIfResults(await openRun(folder));
    expect(found?.rows.filter(({ method }) => method === 'moelora')).toEqual(rows);
  });

  it('answers again what is no longer whole', () => {
    const file = join(folder, 'what-if', 'moelora', 'stage-1', 'GQA.jsonl');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, before.slice(0, 20));
    const { stderr } = coin('--method', 'moelora', '--rollback', '1');
    expect(stderr).toContain('evaluations to do 1, there 5');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('says what it cannot do', () => {
    const messageOf = (...parameters: readonly string[]) => {
      const { status, stderr } = coin(...parameters);
      expect(status).toBe(2);
      return stderr.trim();
    };
    expect(messageOf('--method', 'moelora', '--interpolate', '1,3')).toBe(
      'stages of MoELoRA cannot be mixed: their updates depend on the question, so no one matrix per layer lies between two of them\n  hint: --rollback asks stages as they are, of every method',
    );
    expect(messageOf('--method', 'lora', '--interpolate', '1,9')).toBe(
      'LoRA has 3 trained stages, asked for is stage 9',
    );
    expect(messageOf('--interpolate', '1')).toBe(
      '--interpolate: expected two stages, such as 3,8 or base,8, found "1"',
    );
    expect(messageOf('--interpolate', '1,3', '--weights', '0.5,2')).toBe(
      '--weights: expected numbers from 0 to 1, found "2"',
    );
    expect(messageOf('--average', 'first')).toBe(
      '--average: expected numbers of stages, base or all, found "first"',
    );
  });
});
