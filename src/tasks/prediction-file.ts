// A file of predictions by any system, in the reference's format: a line of JSON per answer. Read as a stream, so that
// its size does not matter. The files that a run writes itself are `tasks/predictions.ts`.
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { checkRow } from '../formats/records/json.ts';
import { streamJsonLines } from '../formats/records/json-stream.ts';
import { identifier } from './layout/instructions.ts';
import type { Prediction } from './task.ts';

const predictionRow = z.object({
  question_id: identifier,
  prompt: z.string().default(''),
  text: z.string(),
});

const format = 'expected a line for each answer: {"question_id": "…", "text": "…"}';

/**
 * The predictions in file order; ids become strings, fields that no scorer reads are passed over.
 * @throws UserError when there is no such file, DataError naming line and field when a line is no prediction, or when
 * there is none.
 */
export function* streamPredictions(file: string): Generator<Prediction> {
  let isEmpty = true;
  try {
    for (const { row, value } of streamJsonLines(file)) {
      isEmpty = false;
      yield checkRow(predictionRow, value, { file, row });
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const [issue] = error.issues;
    throw new DataError({
      ...issue,
      file,
      message: issue?.message ?? error.message,
      hint: issue?.hint ?? format,
    });
  }
  if (isEmpty) throw new DataError({ file, message: 'holds no answer', hint: format });
}
