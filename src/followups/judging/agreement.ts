// How far judges agree on the answers of a run, a person's re-check among them: raters by unit, and the sheet that a
// person fills in. A unit is one answer: its evaluation and its sample.
import { extname } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { parseJudgeAnswer } from '../../evaluation/judging/parser.ts';
import { writeFileAtomic } from '../../formats/files/files.ts';
import { parseCsv, toCsv } from '../../formats/records/csv.ts';
import { checkRow, readJsonLines, readText } from '../../formats/records/json.ts';
import {
  confusion,
  krippendorffAlpha,
  type MeasurementLevel,
  measurementLevels,
} from '../../metrics/agreement.ts';
import { type JudgeDescription, Judgings } from '../../runs/judge-files.ts';
import type { OpenedRun } from '../../runs/open.ts';
import { RandomStream } from '../../tensor/random.ts';

/** The scores of one rater, 0 to 10, by unit. */
export interface Rater {
  readonly name: string;
  readonly scores: ReadonlyMap<string, number>;
}

export interface Agreement {
  readonly raters: readonly string[];
  /** Units that at least two raters scored. */
  readonly units: number;
  readonly alpha: Readonly<Record<MeasurementLevel, number | undefined>>;
  /** Counts by the first rater's score, then the second's, of the first two raters. */
  readonly confusion: readonly (readonly number[])[];
}

export function agreementOf(raters: readonly Rater[]): Agreement {
  const units = [...new Set(raters.flatMap(({ scores }) => [...scores.keys()]))];
  const ratings = units
    .map((unit) => raters.map(({ scores }) => scores.get(unit)))
    .filter((unit) => unit.filter((score) => score !== undefined).length > 1);
  const alpha = Object.fromEntries(
    measurementLevels.map((level) => [level, krippendorffAlpha(ratings, level)]),
  ) as Record<MeasurementLevel, number | undefined>;
  return {
    raters: raters.map(({ name }) => name),
    units: ratings.length,
    alpha,
    confusion: confusion(ratings.map(([first, second]) => [first, second])),
  };
}

/** What a judge of the run gave, read strictly; judgements that could not be read are not there. */
export function judgeRater(run: OpenedRun, judge: JudgeDescription): Rater {
  const judgings = new Judgings(run.folder, judge);
  const scores = new Map<string, number>();
  for (const step of run.done.filter((evaluation) => judgings.has(evaluation))) {
    for (const { question_id, text } of judgings.answers(step)) {
      const parsed = parseJudgeAnswer(text, 'strict');
      if ('score' in parsed) scores.set(unitOf(step.key, question_id), parsed.score);
    }
  }
  return { name: judge.label, scores };
}

const unitOf = (key: string, id: string) => `${key}#${id}`;
const columns = ['unit', 'task', 'question', 'truth', 'answer', 'score'] as const;

/**
 * Writes a sheet of answers, drawn at random, to be scored by a person: CSV, or JSONL by the file's name. No judge's score
 * is on it. The same run and seed give the same sheet; the same answer to the same question is on it once.
 */
export function writeSheet(run: OpenedRun, file: string, size: number, seed = 0): number {
  const seen = new Set<string>();
  const all = run.done.flatMap((step) => {
    const samples = new Map(run.evaluations.samples(step.task).map((sample) => [sample.id, sample]));
    return run.evaluations.predictions(step).flatMap(({ question_id, text }) => {
      const sample = samples.get(question_id);
      const same = JSON.stringify([step.task, question_id, text]);
      if (sample === undefined || seen.has(same)) return [];
      seen.add(same);
      const unit = unitOf(step.key, question_id);
      return [
        { unit, task: step.task, question: sample.text, truth: sample.answer, answer: text, score: '' },
      ];
    });
  });
  const rows = new RandomStream(seed, 'agreement sheet').shuffle(all).slice(0, size);
  const text =
    extname(file).toLowerCase() === '.jsonl'
      ? rows.map((row) => `${JSON.stringify({ ...row, score: null })}\n`).join('')
      : toCsv([columns, ...rows.map((row) => columns.map((column) => row[column]))]);
  writeFileAtomic(file, text);
  return rows.length;
}

const sheetRow = z.object({
  unit: z.string().min(1),
  score: z.union([z.number().min(0).max(10), z.null()], 'expected a score of 0 to 10, or nothing'),
});

/** A filled-in sheet. Rows without a score are passed over. Throws DataError naming row and field, also for units of another run. */
export function readSheet(file: string, known: ReadonlySet<string>): Rater {
  const rows = extname(file).toLowerCase() === '.jsonl' ? readJsonLines(file) : csvRows(file);
  const scores = new Map<string, number>();
  for (const { row, value } of rows) {
    const { unit, score } = checkRow(sheetRow, value, { file, row });
    if (!known.has(unit)) {
      throw new DataError({
        file,
        line: row,
        field: 'unit',
        message: `the run has no answer "${unit}" (row ${row})`,
      });
    }
    if (score !== null) scores.set(unit, score);
  }
  return { name: file, scores };
}

/** All units of a run. */
export function unitsOf(run: OpenedRun): ReadonlySet<string> {
  return new Set(
    run.done.flatMap((step) =>
      run.evaluations.predictions(step).map(({ question_id }) => unitOf(step.key, question_id)),
    ),
  );
}

function csvRows(file: string) {
  const [head = [], ...rows] = parseCsv(readText(file), file);
  for (const column of ['unit', 'score'] as const) {
    if (!head.includes(column)) {
      throw new DataError({
        file,
        line: 1,
        message: `expected a column "${column}", found ${head.join(', ')}`,
      });
    }
  }
  return rows.map((cells, index) => {
    const cell = (column: string) => cells[head.indexOf(column)] ?? '';
    const score = cell('score')
      .trim()
      .replace(/^(\d+),(\d+)$/, '$1.$2');
    const value = { unit: cell('unit'), score: score === '' ? null : Number(score) };
    return { row: index + 2, value };
  });
}
