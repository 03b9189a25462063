// Walks golden.jsonl of every task: what each scorer makes of an answer, per mode and model, and why. Annotations are
// written as the reference reads them. `reference` was checked with the scripts of zackschen/CoIN at 4122465 on
// CPython 3.11.7 (tools/parity/scorers.py); what is said of Qwen follows reference.md's account of commit 41411ab.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readJsonLines } from '../formats/records/json.ts';
import { type CoinTask, coinTasks, tasks } from './index.ts';
import { type ScoredModel, type ScoringMode, scoredModels, type TestSample } from './task.ts';

interface Expected {
  readonly score?: number;
  readonly parsed?: unknown;
}

interface Vector {
  readonly why: string;
  /** By mode, or by mode and model where a model has its own. */
  readonly expected: Readonly<Record<string, Expected>>;
  readonly prediction?: string;
  readonly annotation?: object;
  readonly annotations?: Readonly<Record<string, object>>;
  readonly predictions?: readonly { readonly question_id: string | number; readonly text: string }[];
}

const root = mkdtempSync(join(tmpdir(), 'coin-golden-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function vectorsOf(task: CoinTask): readonly Vector[] {
  const file = fileURLToPath(new URL(`./${task.toLowerCase()}/golden.jsonl`, import.meta.url));
  return readJsonLines(file).map(({ value }) => value as Vector);
}

let folders = 0;

/** Writes annotations by id in the form that the task's reference scorer reads. */
function samplesOf(task: CoinTask, annotations: Readonly<Record<string, object>>): readonly TestSample[] {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
  const rows = Object.entries(annotations).map(([question_id, row]) => ({ question_id, ...row }));
  switch (task) {
    case 'ScienceQA':
      write('problems.json', annotations);
      write('pid_splits.json', { test: Object.keys(annotations) });
      break;
    case 'TextVQA':
      write('TextVQA_0.5.1_val.json', { data: rows });
      break;
    case 'GQA':
      write('testdev_balanced_questions.json', annotations);
      break;
    case 'VizWiz':
    case 'VQAv2':
      write('val.json', rows);
      break;
    default:
      write('test.json', rows);
  }
  return tasks[task].readAnnotations(folder);
}

function expectedOf({ expected }: Vector, mode: ScoringMode, model: ScoredModel): Expected {
  return expected[`${mode} ${model}`] ?? expected[mode] ?? {};
}

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

describe.each(coinTasks)('%s', (task) => {
  const vectors = vectorsOf(task);
  const single = vectors.filter(({ prediction }) => prediction !== undefined);
  const whole = vectors.filter(({ predictions }) => predictions !== undefined);

  it('has vectors of both kinds, each with a reason', () => {
    expect(single.length).toBeGreaterThan(5);
    expect(whole.length).toBeGreaterThan(0);
    expect(single.length + whole.length).toBe(vectors.length);
    expect(new Set(vectors.map(({ why }) => why)).size).toBe(vectors.length);
  });

  describe.each(['reference', 'strict'] as const)('%s', (mode) => {
    it.each(scoredModels)('single answers, as for %s', (model) => {
      const samples = samplesOf(
        task,
        Object.fromEntries(single.map(({ annotation = {} }, index) => [`${index + 1}`, annotation])),
      );
      const predictions = single.map(({ prediction = '' }, index) => ({
        question_id: `${index + 1}`,
        prompt: '',
        text: prediction,
      }));
      const scored = tasks[task].score(mode, samples, predictions, model).samples;
      const found = scored.map(({ score, parsed }, index) => ({
        why: single[index]?.why,
        score: Math.round(score * 1e12) / 1e12,
        parsed: plain(parsed),
      }));
      const wanted = single.map((vector) => ({ why: vector.why, ...expectedOf(vector, mode, model) }));
      expect(found).toEqual(wanted);
    });

    it.each(whole.map((vector) => [vector.why, vector] as const))('%s', (_, vector) => {
      const samples = samplesOf(task, vector.annotations ?? {});
      const predictions = (vector.predictions ?? []).map(({ question_id, text }) => ({
        question_id: String(question_id),
        prompt: '',
        text,
      }));
      const { accuracy, correct, denominator, expected, missing, duplicate, unparseable } = tasks[task].score(
        mode,
        samples,
        predictions,
      );
      const answered = mode === 'reference' ? denominator : denominator - missing;
      const found = { accuracy, correct, samples: answered, expected, missing, duplicate, unparseable };
      const { accuracy: percent, ...counts } = vector.expected[mode] as typeof found;
      expect(found).toEqual({ ...counts, accuracy: expect.closeTo(percent, 10) });
    });
  });
});
