// Helpers for the data sets' official annotation files below `cl_dataset`. What a file means is its task's.
import { z } from 'zod';
import { DataError } from '../errors.ts';
import { checkRow, describe, readJsonObject, rowError } from '../formats/json.ts';
import type { TestRow } from './instructions.ts';
import { humanAnswerCount } from './vqa.ts';

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

const vqaAnnotation = z.object({
  question_id: z.union([z.string(), z.number()]).optional(),
  image: z.string().optional(),
  answers: z
    .array(z.object({ answer: z.string() }))
    .length(humanAnswerCount, `expected ${humanAnswerCount} answers`),
});

/** Ten human answers by question id or image name, from rows `{question_id, image, answers: [{answer}, ...]}`. */
export function humanAnswersBy(
  key: 'question_id' | 'image',
  list: readonly unknown[],
  file: string,
): ReadonlyMap<string, readonly string[]> {
  const answers = new Map<string, readonly string[]>();
  for (const [index, value] of list.entries()) {
    const place = { file, row: index + 1 };
    const row = checkRow(vqaAnnotation, value, place);
    const id = row[key];
    if (id === undefined) throw rowError(place, key, 'expected what a test row is found by, found nothing');
    answers.set(
      String(id),
      row.answers.map(({ answer }) => answer),
    );
  }
  return answers;
}
