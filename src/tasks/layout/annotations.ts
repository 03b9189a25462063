// Helpers for annotation files: the data sets' official ones, and CoIN's own as the reference scorers are given them.
// What a file means is its task's.
import { existsSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError, UserError } from '../../base/errors.ts';
import { withOpenFile } from '../../formats/files/file-bytes.ts';
import { checkRow, describe, isObject, readJsonObject, rowError } from '../../formats/records/json.ts';
import { streamJson } from '../../formats/records/json-stream.ts';
import type { TestSample, TruthDetails } from '../task.ts';
import { humanAnswerCount } from '../vqa.ts';
import { identifier, type TestRow, UniqueIds } from './instructions.ts';

/** The array under `field` of a JSON file that holds one object. `hint` says where the file comes from. */
export function readAnnotationList(file: string, field: string, hint?: string): readonly unknown[] {
  const list = readJsonObject(file, { hint })[field];
  if (!Array.isArray(list)) {
    throw new DataError({ message: `expected an array, found ${describe(list)}`, file, field });
  }
  return list;
}

/** The annotation of a test row; a DataError names the row and the annotation file when there is none. */
export function annotationOf<T>(entry: T | undefined, row: TestRow, key: string, file: string): T {
  if (entry === undefined) {
    throw rowError(row.place, key, `"${row.id}" has no entry in ${file}`);
  }
  return entry;
}

/**
 * `path` itself, or the first of `names` in it where it is a folder.
 * @throws UserError saying what is expected.
 */
export function annotationFile(path: string, names: readonly string[], hint?: string): string {
  if (!existsSync(path)) throw new UserError({ file: path, message: 'no such file or folder', hint });
  if (!statSync(path).isDirectory()) return path;
  const found = names.map((name) => join(path, name)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new UserError({ file: path, message: `expected ${names.join(' or ')} in this folder`, hint });
}

/** Whether the JSON in a file is an object, by its first character. */
export function holdsObject(file: string): boolean {
  return withOpenFile(file, (descriptor) => {
    const start = new Uint8Array(64);
    readSync(descriptor, start, 0, start.length, 0);
    return /^\uFEFF?\s*\{/.test(new TextDecoder().decode(start));
  });
}

const noDetails: TruthDetails = {};

/** The samples of CoIN's test.json or val.json as far as a scorer needs them: ids and answers, neither text nor image. */
export function readCoinAnnotations(
  file: string,
  answerField: string,
  truth: (row: TestRow) => TruthDetails = () => noDetails,
): readonly TestSample[] {
  const idRow = z.object({ question_id: identifier });
  const answerRow = z.object({ [answerField]: z.string() });
  const ids = new UniqueIds();
  const samples: TestSample[] = [];
  for (const { value, row, line } of streamJson(file)) {
    const place = { file, row, line };
    const id = checkRow(idRow, value, place).question_id;
    const answer = checkRow(answerRow, value, place)[answerField] ?? '';
    ids.add(id, place);
    const image = isObject(value) && typeof value.image === 'string' ? value.image : undefined;
    samples.push({ id, text: '', answer, truth: truth({ id, image, value, place }) });
  }
  return samples;
}

const answerList = z
  .array(z.union([z.string(), z.object({ answer: z.string() }).transform(({ answer }) => answer)]))
  .length(humanAnswerCount, `expected ${humanAnswerCount} answers`);

/** Ten human answers where a row itself carries them. */
export function ownHumanAnswers({ value }: TestRow): TruthDetails {
  const found = answerList.safeParse(isObject(value) ? value.answers : undefined);
  return found.success ? { humanAnswers: found.data } : noDetails;
}

const officialRow = z.object({
  question_id: identifier.optional(),
  image: z.string().optional(),
  multiple_choice_answer: z.string().optional(),
  answers: answerList,
});

export interface OfficialAnswers {
  /** The `multiple_choice_answer`, or else the answer given most often, the earlier one of equals. */
  readonly answer: string;
  readonly humanAnswers: readonly string[];
}

/**
 * Ten human answers by question id or image name, from an official VQA or VizWiz file: an array, or the one under
 * `annotations`, of rows `{question_id, image, answers: [{answer}, ...]}`.
 */
export function officialAnswersBy(
  key: 'question_id' | 'image',
  file: string,
): ReadonlyMap<string, OfficialAnswers> {
  const answers = new Map<string, OfficialAnswers>();
  const member = holdsObject(file) ? { member: 'annotations' } : {};
  for (const { value, row, line } of streamJson(file, member)) {
    const place = { file, row, line };
    const { multiple_choice_answer, answers: humanAnswers, ...ids } = checkRow(officialRow, value, place);
    const id = ids[key];
    if (id === undefined) throw rowError(place, key, 'expected what a test row is found by, found nothing');
    answers.set(id, { answer: multiple_choice_answer ?? mostGiven(humanAnswers), humanAnswers });
  }
  return answers;
}

/** The samples of an official file that is scored against alone. */
export function samplesOf(answers: ReadonlyMap<string, OfficialAnswers>): readonly TestSample[] {
  return [...answers].map(([id, { answer, humanAnswers }]) => ({
    id,
    text: '',
    answer,
    truth: { humanAnswers },
  }));
}

function mostGiven(answers: readonly string[]): string {
  const count = (answer: string) => answers.filter((other) => other === answer).length;
  return answers.reduce((best, answer) => (count(answer) > count(best) ? answer : best));
}
