// Kinds of error, life lines, forward transfer, re-asking and agreement over a whole small run, counted again by hand.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EvaluateRequest } from '../../src/engine/contract.ts';
import {
  agreementOf,
  judgeRater,
  readSheet,
  unitsOf,
  writeSheet,
} from '../../src/followups/judging/agreement.ts';
import { lexicalCellJudge } from '../../src/followups/judging/cell-judge.ts';
import { judgeRun } from '../../src/followups/judging/judge-run.ts';
import { reask } from '../../src/followups/reask.ts';
import { computeResults } from '../../src/report/compute.ts';
import { renderReport } from '../../src/report/page/html.ts';
import type { RunResults } from '../../src/report/results.ts';
import { renderTables } from '../../src/report/terminal/terminal.ts';
import { executeRun } from '../../src/runs/execute.ts';
import { listJudges } from '../../src/runs/judge-files.ts';
import { openRun } from '../../src/runs/open.ts';
import { recordProvenance } from '../../src/runs/provenance.ts';
import { readPredictions } from '../../src/tasks/predictions.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { FakeEngine } from '../support/fake-engine.mjs';
import { testCount, tinyConfig, tinyTasks, writeTinyData } from '../support/tiny-run.ts';

let top: string;
let folder: string;
let results: RunResults;

beforeAll(async () => {
  buildIfStale();
  top = mkdtempSync(join(tmpdir(), 'coin-aspects-'));
  const source = writeTinyData(join(top, 'data'));
  folder = join(top, 'run');
  const modelFolder = join(top, 'model');
  mkdirSync(modelFolder);
  writeFileSync(join(modelFolder, 'config.json'), '{"model_type": "llava"}');
  const config = tinyConfig(folder, source);
  await executeRun({
    config: { ...config, evaluation: { ...config.evaluation, unseen: true } },
    folder,
    source,
    prepare: (run) => recordProvenance(run, { source, tasks: tinyTasks, modelFolder }),
    openEngine: async () => new FakeEngine(),
  });
  await judgeRun({ folder, judge: lexicalCellJudge() });
  results = await computeResults(folder);
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

/** Whether each sample of a task is right after a stage, from the file. */
function right(method: string, stage: number, task: string): readonly boolean[] {
  const file = `${method}/${stage}-${tinyTasks[stage - 1]}/predictions/${task}.jsonl`;
  return readPredictions(join(folder, file)).map(({ text }) => text !== 'unknown');
}

it('every sample of every cell is right or has one label, and forgetting adds up', () => {
  const cells = results.errors?.cells ?? [];
  // Three zero-shot cells, and six per method: an unseen task has nothing to be forgotten.
  expect(cells).toHaveLength(3 + 2 * 6);
  for (const { method, after, task, samples, wrong, forgotten, gained } of cells) {
    expect(samples).toBe(testCount);
    const labelled = Object.values(wrong.labels).reduce((sum, count) => sum + count, 0);
    if (method === undefined || after === undefined) continue;
    const own = right(method, tinyTasks.indexOf(task as never) + 1, task);
    const now = right(method, tinyTasks.indexOf(after as never) + 1, task);
    expect(labelled).toBe(now.filter((is) => !is).length);
    const lost = Object.values(forgotten.labels).reduce((sum, count) => sum + count, 0);
    expect(lost).toBe(now.filter((is, index) => !is && own[index]).length);
    expect(gained).toBe(now.filter((is, index) => is && !own[index]).length);
    const matrix = results.modes.strict.methods[method]?.matrix;
    const score = (stage: string) =>
      matrix?.rows.find((row) => row.after === stage)?.scores[task] ?? Number.NaN;
    expect(score(after) - score(task)).toBeCloseTo((100 * (gained - lost)) / testCount, 10);
  }
});

it('life lines agree with the predictions', () => {
  expect(results.lifeLines).toHaveLength(6);
  for (const { method, task, samples, transitions, fates } of results.lifeLines ?? []) {
    const first = tinyTasks.indexOf(task as never) + 1;
    expect(samples).toBe(testCount);
    expect(transitions.map(({ stage }) => stage + 1)).toEqual([1, 2, 3].slice(first - 1));
    expect(transitions[0]?.learnt).toBe(right(method, first, task).filter(Boolean).length);
    const last = right(method, 3, task).filter(Boolean).length;
    expect(fates.kept + fates.recovered).toBe(last);
    expect(Object.values(fates).reduce((sum, count) => sum + count, 0)).toBe(testCount);
  }
});

it('forward transfer is there when unseen tasks were evaluated', () => {
  const { zeroShot, methods } = results.modes.strict;
  const share = (file: string) =>
    (100 * readPredictions(join(folder, file)).filter(({ text }) => text !== 'unknown').length) / testCount;
  const { transfer, matrix } = methods.lora ?? {};
  expect(matrix?.rows.map(({ scores }) => Object.keys(scores).length)).toEqual([3, 3, 3]);
  const changes = [
    share('lora/1-VQAv2/predictions/ImageNet.jsonl') - (zeroShot.ImageNet ?? 0),
    share('lora/2-ImageNet/predictions/OCRVQA.jsonl') - (zeroShot.OCRVQA ?? 0),
  ];
  expect(transfer?.cells.map(({ change }) => change)).toEqual(changes);
  expect(transfer?.fwt).toBeCloseTo(((changes[0] ?? 0) + (changes[1] ?? 0)) / 2, 10);
  const page = renderReport(results);
  for (const title of ['General knowledge', 'Form or content', 'Life lines', 'Before it was learned']) {
    expect(page).toContain(`>${title}</h2>`);
  }
  expect(renderTables(results)).toContain('lexical stand-in (no judge: words compared)');
});

/** Answers rightly as soon as it is reminded; knows the truths from the samples. */
function remindedEngine() {
  const asked: string[] = [];
  const stages = new Set<number | undefined>();
  const engine = new FakeEngine();
  engine.evaluate = async (request: EvaluateRequest) => {
    stages.add(request.trained?.stage);
    for (const { id, text, answer } of request.samples) {
      asked.push(text);
      const line = { question_id: id, prompt: text, text: id.endsWith('1') ? 'unknown' : answer };
      appendFileSync(request.predictionFile, `${JSON.stringify(line)}\n`);
    }
    return { seconds: 0 };
  };
  return { asked, stages, engine };
}

it('re-asks what was forgotten, once, and counts what comes back', async () => {
  const { asked, stages, engine } = remindedEngine();
  const options = { folder, openEngine: async () => engine };
  const forgotten = (results.errors?.cells ?? [])
    .filter(({ after, method }) => after === 'OCRVQA' && method !== undefined)
    .map(({ forgotten: { labels } }) => Object.values(labels).reduce((sum, count) => sum + count, 0));
  const cells = forgotten.filter((count) => count > 0).length;
  expect(cells).toBeGreaterThan(0);
  expect(await reask(options)).toBe(cells);
  expect(asked).toHaveLength(forgotten.reduce((sum, count) => sum + count, 0));
  // The last stage answers: a method that routes knows its tasks by the stage.
  expect([...stages]).toEqual([tinyTasks.length]);
  expect(asked[0]).toMatch(/\nReply with .* and nothing else\.$/);
  const { reask: again } = await computeResults(folder);
  expect(again?.cells.map((cell) => cell.asked)).toEqual(forgotten.filter((count) => count > 0));
  for (const cell of again?.cells ?? []) {
    const { method, task, back } = cell;
    const own = right(method, tinyTasks.indexOf(task as never) + 1, task);
    const now = right(method, 3, task);
    const stays = own[1] === true && now[1] === false ? 1 : 0;
    expect(back).toBe(cell.asked - stays);
  }
  const before = asked.length;
  expect(await reask(options)).toBe(0);
  expect(asked).toHaveLength(before);
  expect(await reask({ ...options, reminder: 'In one word!' })).toBe(cells);
  expect(asked.at(-1)).toMatch(/\nIn one word!$/);
  expect(renderReport(await computeResults(folder))).toContain('Asked again with a reminder of the format');
});

describe('agreement', () => {
  it('of a person with a judge, over a sheet', async () => {
    const run = await openRun(folder);
    const [lexical] = listJudges(folder);
    if (lexical === undefined) throw new Error('nobody judged');
    const judge = judgeRater(run, lexical);
    expect(judge.scores.size).toBe((3 + 2 * 9) * testCount);
    for (const name of ['sheet.csv', 'sheet.jsonl']) {
      const file = join(top, name);
      const rows = writeSheet(run, file, 10);
      const blank = readSheet(file, unitsOf(run));
      expect(blank.scores.size).toBe(0);
      const text = readFileSync(file, 'utf8');
      // Filled in as the judge would: 10 for the truth, 0 for "unknown".
      writeFileSync(
        file,
        name.endsWith('csv')
          ? text.replace(
              /(unknown|answer \d),\r\n/g,
              (_, answer) => `${answer},${answer === 'unknown' ? 0 : 10}\r\n`,
            )
          : text.replace(
              /("answer":"(unknown|answer \d)"),"score":null/g,
              (_, start, answer) => `${start},"score":${answer === 'unknown' ? 0 : 10}`,
            ),
      );
      const person = readSheet(file, unitsOf(run));
      expect(person.scores.size).toBe(rows);
      const agreement = agreementOf([person, judge]);
      expect(agreement.units).toBe(rows);
      expect(agreement.alpha).toEqual({ nominal: 1, ordinal: 1, interval: 1 });
    }
  });

  it('names the row of a sheet that is wrong', async () => {
    const run = await openRun(folder);
    const file = join(top, 'wrong.csv');
    const unit = 'zero-shot/VQAv2#VQAv2-0';
    const read = (text: string) => {
      writeFileSync(file, text);
      return readSheet(file, unitsOf(run));
    };
    expect(read(`unit;score\n${unit};7,5\n`).scores.get(unit)).toBe(7.5);
    expect(() => read(`unit,score\n${unit},11\n`)).toThrow(/wrong\.csv:2: score/);
    expect(() => read(`unit,score\n${unit},good\n`)).toThrow(/wrong\.csv:2: score/);
    expect(() => read('unit,score\nother#1,3\n')).toThrow(
      /wrong\.csv:2: unit: the run has no answer "other#1"/,
    );
    expect(() => read('unit,points\n')).toThrow(/expected a column "score"/);
  });
});

describe('the commands', () => {
  const coin = (...parameters: readonly string[]) =>
    spawnSync(process.execPath, [commandLine, ...parameters], { cwd: top, encoding: 'utf8' });

  it('coin samples lists what is behind a number', () => {
    const line = results.lifeLines?.find(({ method, task }) => method === 'lora' && task === 'VQAv2');
    const { status, stdout, stderr } = coin(
      'samples',
      'run',
      '--task',
      'VQAv2',
      '--method',
      'lora',
      '--forgotten-at',
      'ImageNet',
      '--json',
    );
    const lines = stdout
      .split('\n')
      .slice(0, -1)
      .map((text) => JSON.parse(text));
    expect(status).toBe(0);
    expect(lines).toHaveLength(line?.transitions[1]?.forgotten ?? -1);
    expect(stderr).toBe(`${lines.length} ${lines.length === 1 ? 'sample' : 'samples'}\n`);
    for (const sample of lines) {
      expect(sample).toMatchObject({ method: 'lora', forgottenAt: expect.arrayContaining(['ImageNet']) });
      expect(sample.answers.map(({ after }: { after: string }) => after)).toEqual(tinyTasks);
    }
    const all = coin('samples', 'run', '--task', 'VQAv2', '--limit', '1');
    expect(all.stdout).toMatch(/truth answer 0/);
    expect(all.stdout).toMatch(/, lexical stand-in \d+\]/);
    expect(all.stderr).toMatch(/^8 samples, 7 of them not shown/);
  });

  it.each([
    [['samples', 'run'], /expected --task TASK/],
    [['samples', 'run', '--task', 'VQA'], /--task: the run has no task "VQA"\n {2}hint: did you mean VQAv2/],
    [['samples', 'run', '--task', 'VQAv2', '--fate', 'lost'], /--fate: expected kept, recovered/],
    [
      ['judge', 'agreement', 'run'],
      /expected two judges, found 1\n {2}hint: judge the run with another judge/,
    ],
    [
      ['judge', 'agreement', 'run', '--judges', 'lexicl'],
      /no judging "lexicl"\n {2}hint: did you mean lexical/,
    ],
  ])('mistake: %j', (parameters, message) => {
    const { status, stderr } = coin(...parameters);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});
