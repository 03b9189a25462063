// Prediction files: a line of JSON per test sample, in the order of the samples.
// Partial ones, which an interrupted evaluation leaves, are read up to where they break.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { writeFileAtomic } from '../formats/files/files.ts';
import { checkRow, readJsonLines, readText } from '../formats/records/json.ts';
import type { Prediction, TestSample } from './task.ts';

const predictionSchema = z.object({ question_id: z.string(), prompt: z.string(), text: z.string() });

/** @throws DataError naming the row, UserError when the file is missing. */
export function readPredictions(file: string): readonly Prediction[] {
  return readJsonLines(file).map(({ row, value }) => checkRow(predictionSchema, value, { file, row }));
}

/** The whole lines of a file that may have been cut short; none when it does not exist. */
export function readPartialPredictions(file: string): readonly Prediction[] {
  if (!existsSync(file)) return [];
  const predictions: Prediction[] = [];
  for (const line of readText(file).split('\n').slice(0, -1)) {
    const parsed = predictionSchema.safeParse(parseOrUndefined(line));
    if (!parsed.success) break;
    predictions.push(parsed.data);
  }
  return predictions;
}

/** Writes one prediction per sample, in the order of the samples; of several the first. Throws when one is missing. */
export function writePredictions(
  file: string,
  samples: readonly TestSample[],
  predictions: readonly Prediction[],
): void {
  const byId = new Map(predictions.toReversed().map((prediction) => [prediction.question_id, prediction]));
  const lines = samples.map(({ id }) => {
    const prediction = byId.get(id);
    if (prediction === undefined) throw new Error(`internal: the engine gave no answer to sample ${id}`);
    const { question_id, prompt, text } = prediction;
    return `${JSON.stringify({ question_id, prompt, text })}\n`;
  });
  writeFileAtomic(file, lines.join(''));
}

function parseOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Predictions of samples that are part of the test set; others mean that the file belongs to other data. */
export function requireKnownIds(
  file: string,
  samples: readonly TestSample[],
  predictions: readonly Prediction[],
): void {
  const known = new Set(samples.map(({ id }) => id));
  const row = predictions.findIndex(({ question_id }) => !known.has(question_id)) + 1;
  if (row === 0) return;
  throw new DataError({
    file,
    line: row,
    field: 'question_id',
    message: `no test sample has the id "${predictions[row - 1]?.question_id}" (row ${row})`,
    hint: 'the predictions were made from other test data',
  });
}

/** Answers of earlier tries, put together, and those of the try that is under way. */
export function partialFiles(file: string) {
  return { earlierFile: `${file}.earlier`, partialFile: `${file}.partial` };
}
