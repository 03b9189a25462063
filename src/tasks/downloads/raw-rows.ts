// Rows of a published data set's files, checked against a schema: a wrong one is named by file, row and field.
import { z } from 'zod';
import { checkRow } from '../../formats/records/json.ts';
import { streamJson } from '../../formats/records/json-stream.ts';
import { readParquet } from '../../formats/records/parquet.ts';
import type { RawFolder, RawImage } from './raw-folder.ts';

/** A whole number or text as text. */
export const rawId = z
  .union([z.string().min(1), z.int()], { error: 'expected a whole number or text' })
  .transform(String);

export const rawText = z.string().refine((text) => text.trim() !== '', 'expected text');

/** Ten people's answers as objects, in the JSON files of VizWiz and VQA. */
export const humanAnswers = z
  .array(z.object({ answer: z.string() }))
  .min(1, 'expected answers')
  .transform((answers) => answers.map(({ answer }) => answer));

/** How a column of images looks in Hugging Face's Parquet files. */
export const embeddedImage = z.object({ bytes: z.instanceof(Uint8Array) });

/** The rows of a JSON file's array or object; `member` names where in the file's object they are. */
export function* jsonRows<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  member?: string,
): Generator<{ readonly key: string; readonly value: z.output<Schema> }> {
  for (const { row, key, value } of streamJson(file, member === undefined ? {} : { member })) {
    yield { key, value: checkRow(schema, value, { file, row }) };
  }
}

/** The rows of several Parquet files, one after the other; only the schema's columns are read. */
export async function* parquetRows<Shape extends z.ZodRawShape>(
  files: readonly string[],
  schema: z.ZodObject<Shape>,
): AsyncGenerator<z.output<z.ZodObject<Shape>>> {
  for (const file of files) {
    for await (const { row, value } of readParquet(file, Object.keys(schema.shape))) {
      yield checkRow(schema, value, { file, row });
    }
  }
}

/** Hugging Face's files of one split, e.g. `data/train-00000-of-00004.parquet`; `folder` names a configuration. */
export function parquetFiles(from: RawFolder, split: string, folder = '(data/)?'): readonly string[] {
  return from.matching(
    new RegExp(`^${folder}(${split}-\\d+-of-\\d+[^/]*|(default/)?${split}/\\d+)\\.parquet$`),
  );
}

/** An image whose bytes came with its row. */
export function imageOf(path: string, { bytes }: z.output<typeof embeddedImage>): RawImage {
  return { path, content: bytes };
}
