// A run audited and a model evaluated without training, with a toy model: what is recorded agrees with answers given
// alone, what was changed is found, and an adapter answers as it did in its run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunConfig } from '../../src/config/load.ts';
import { evaluateModel } from '../../src/engine/evaluate-model.ts';
import { auditRun } from '../../src/followups/audit.ts';
import { readJournal } from '../../src/runs/journal.ts';
import { runFiles } from '../../src/runs/run-folder.ts';
import { readPredictions } from '../../src/tasks/predictions.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { executeToyRun } from '../support/toy-run.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-evaluate-'));
const [model, data, folder] = [join(root, 'model'), join(root, 'data'), join(root, 'run')];
const source = { root: data, instructionType: 'Original' };
let config: RunConfig;

beforeAll(async () => {
  buildIfStale();
  ({ config } = await executeToyRun(
    root,
    { train: 4, test: 6 },
    {
      tasks: ['VQAv2', 'ScienceQA'],
      methods: ['lora'],
      // Its words before a question are enough to be read once for all.
      promptTemplate: 'vicuna_v1',
      'adapter.rank': 4,
      'training.batchSize': 2,
      'training.learningRate': 0.02,
      'evaluation.maxNewTokens': 6,
    },
  ));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function coin(...parameters: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, ...parameters], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const audit = (count: number, seed = 0) => auditRun({ folder, count, seed });

describe('an evaluation', () => {
  it('records how much was padding and how much was shared', () => {
    const records = readJournal(runFiles.journal(folder)).filter(({ kind }) => kind === 'evaluate');
    expect(records).toHaveLength(2 + 3);
    for (const { measured } of records) {
      expect(measured.paddingShare).toBeGreaterThan(0);
      expect(measured.paddingShare).toBeLessThan(1);
      expect(measured.sharedShare).toBeGreaterThanOrEqual(0);
    }
    const ofText = records.filter(({ key }) => key.endsWith('/ScienceQA'));
    for (const { measured } of ofText) expect(measured.sharedShare).toBeGreaterThan(0);
  });

  it('of an adapter alone gives the answers that its run recorded', async () => {
    const outputFolder = join(root, 'evaluated');
    const [first] = await evaluateModel({
      modelFolder: model,
      adapterFolder: join(folder, 'lora/2-ScienceQA/adapter'),
      config: { ...config, tasks: ['VQAv2'] },
      source,
      outputFolder,
    });
    const recorded = readFileSync(join(folder, 'lora/2-ScienceQA/predictions/VQAv2.jsonl'), 'utf8');
    expect(readFileSync(first?.predictionFile as string, 'utf8')).toBe(recorded);
    expect(readFileSync(join(folder, 'zero-shot/VQAv2.jsonl'), 'utf8')).not.toBe(recorded);
  });

  it('of the model without an adapter gives the zero-shot answers', async () => {
    const outputFolder = join(root, 'without');
    await evaluateModel({ modelFolder: model, config, source, outputFolder });
    for (const task of config.tasks) {
      const recorded = readFileSync(join(folder, `zero-shot/${task}.jsonl`), 'utf8');
      expect(readFileSync(join(outputFolder, `${task}.jsonl`), 'utf8')).toBe(recorded);
    }
  });
});

describe('an audit', () => {
  it('finds every answer again, alone', async () => {
    const all = await audit(1000);
    expect(all).toEqual({ checked: 30, recorded: 30, disagreements: [] });
  });

  it('draws by seed, and finds what was changed', async () => {
    const file = join(folder, 'lora/1-VQAv2/predictions/VQAv2.jsonl');
    const before = readFileSync(file, 'utf8');
    const [changed, ...others] = readPredictions(file);
    writeFileSync(
      file,
      [{ ...changed, text: 'something else' }, ...others].map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
    try {
      const { disagreements } = await audit(1000);
      const step = 'lora/1-VQAv2/evaluate/VQAv2';
      expect(disagreements).toEqual([
        { step, id: changed?.question_id, recorded: 'something else', alone: changed?.text },
      ]);
      const counts = await Promise.all([1, 2, 3].map((seed) => audit(2, seed)));
      expect(counts.map(({ checked }) => checked)).toEqual([2, 2, 2]);

      const { status, stdout } = coin('evaluate', folder, '--audit', '1000', '--json');
      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toEqual({ checked: 30, recorded: 30, disagreements });
    } finally {
      writeFileSync(file, before);
    }
  });

  it('ends with 0 where all agree, and says what it cannot do', () => {
    expect(coin('evaluate', folder, '--audit', '2')).toMatchObject({
      status: 0,
      stdout: '2 of 30 answers given again, each alone: all agree\n',
    });
    const notRun = coin('evaluate', model, '--audit', '2');
    expect(notRun.status).toBe(2);
    expect(notRun.stderr).toContain('--audit expects the folder of a run');
    const meaningless = coin('evaluate', folder, '--audit', '2', '--task', 'GQA');
    expect(meaningless.stderr).toContain('--task has no meaning with --audit');
  });
});
