// Where the judgings of a run lie:
//
//   judging/<judge>/judge.json      who judged and how
//   judging/<judge>/journal.jsonl   which evaluations were judged, and from which predictions
//   judging/<judge>/<prediction file>  a line per prediction: {"question_id", "text"}, the judge's own words
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import type { EvaluateStep } from '../config/plan.ts';
import { sha256, sha256OfFile } from '../formats/files/files.ts';
import { checkRow, readJson } from '../formats/records/json.ts';
import { forEachLine } from '../formats/records/lines.ts';
import { type Cell, CellJournal } from './cell-journal.ts';

const descriptionSchema = z.object({
  /** Also the name of the folder. */
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  label: z.string(),
  /** No judge but a comparison of words; whatever shows its figures says so. */
  standIn: z.boolean(),
  /** What the judgings depend on, in words for people. */
  settings: z.record(z.string(), z.string()),
  /** Over everything that the judgings depend on, predictions aside. */
  identity: z.string(),
});

export type JudgeDescription = Readonly<z.output<typeof descriptionSchema>>;

const answerSchema = z.object({ question_id: z.string(), text: z.string(), declined: z.string().optional() });

/** What a judge said to one prediction. */
export type JudgeAnswer = Readonly<z.output<typeof answerSchema>>;

export const judgingFolder = (run: string, id: string) => join(run, 'judging', id);
export const journalFile = (folder: string) => join(folder, 'journal.jsonl');
export const descriptionFile = (folder: string) => join(folder, 'judge.json');

/** The judges of a run: real ones first, each kind by name. */
export function listJudges(run: string): readonly JudgeDescription[] {
  const top = join(run, 'judging');
  if (!existsSync(top)) return [];
  const found = readdirSync(top)
    .map((id) => descriptionFile(join(top, id)))
    .filter((file) => existsSync(file))
    .map((file) => checkRow(descriptionSchema, readJson(file), { file, row: 1 }));
  return found.sort((a, b) => Number(a.standIn) - Number(b.standIn) || (a.id < b.id ? -1 : 1));
}

/** The judging of an evaluation by a judge of this identity, from the predictions that are there now. */
export function judgingCell(run: string, step: EvaluateStep, identity: string): Cell {
  const from = sha256(`${identity} ${sha256OfFile(join(run, step.predictionFile))}`);
  return { key: step.key, from, file: step.predictionFile };
}

/** Reads the judgings of one judge that still belong to the predictions on disk. */
export class Judgings {
  readonly #run: string;
  readonly #folder: string;
  readonly #identity: string;
  readonly #journal: CellJournal;
  /** Files are hashed once per object. */
  readonly #known = new Map<string, boolean>();

  constructor(run: string, { id, identity }: JudgeDescription) {
    this.#run = run;
    this.#folder = judgingFolder(run, id);
    this.#identity = identity;
    this.#journal = CellJournal.read(this.#folder, journalFile(this.#folder));
  }

  /** Whether an evaluation was judged, from the predictions that are there now, and its judgements are as recorded. */
  has(step: EvaluateStep): boolean {
    const known =
      this.#known.get(step.key) ?? this.#journal.isThere(judgingCell(this.#run, step, this.#identity));
    this.#known.set(step.key, known);
    return known;
  }

  /** In the order of the predictions. Throws DataError naming the row when the file was damaged. */
  answers(step: EvaluateStep): readonly JudgeAnswer[] {
    return readJudgeAnswers(join(this.#folder, step.predictionFile));
  }
}

function readJudgeAnswers(file: string): readonly JudgeAnswer[] {
  const answers: JudgeAnswer[] = [];
  let row = 0;
  forEachLine(file, (line) => {
    row++;
    answers.push(checkRow(answerSchema, parsed(line, file, row), { file, row }));
  });
  return answers;
}

function parsed(line: string, file: string, row: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new DataError({ file, line: row, message: 'not valid JSON' });
  }
}
