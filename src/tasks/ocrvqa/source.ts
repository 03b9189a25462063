// OCR-VQA as published: dataset.json, which knows each book's questions and split, and the cover images, fetched by
// their addresses and named by the book; or Hugging Face's Parquet files. A book is an entry in training.
import { extname } from 'node:path';
import { z } from 'zod';
import { checkRow, rowError } from '../../formats/records/json.ts';
import { streamJson } from '../../formats/records/json-stream.ts';
import type { RawFolder, RawImage } from '../downloads/raw-folder.ts';
import { embeddedImage, parquetFiles, parquetRows, rawText } from '../downloads/raw-rows.ts';
import type { RawData, RawEntry, RawSource, RawSplit } from '../downloads/source.ts';

const hint = 'from ocr-vqa.github.io: dataset.json and the script that fetches the images';

const questions = { questions: z.array(rawText).min(1), answers: z.array(z.string()) };
const book = z.object({
  ...questions,
  imageURL: z.string(),
  split: z.literal([1, 2, 3], { error: 'expected 1 (training), 2 (validation) or 3 (test)' }),
});
const parquetBook = z.object({ ...questions, image_id: rawText, image: embeddedImage });

const numberOf = { train: 1, test: 3 } as const;

export const ocrvqaSource: RawSource = {
  testFile: 'test.json',
  expects: [
    'dataset.json, images/<id>.jpg (or .gif, .png as in its address)',
    'or Parquet (howard-hou/OCR-VQA): data/{train,test}-*.parquet',
  ],
  open(from) {
    if (from.find(['dataset.json']) !== undefined) return openOfficial(from);
    const parquet = { train: parquetFiles(from, 'train'), test: parquetFiles(from, 'test') };
    return parquet.train.length > 0 ? openParquet(parquet) : openOfficial(from);
  },
};

function* entriesOf(
  split: RawSplit,
  id: string,
  image: RawImage,
  texts: readonly string[],
  answers: readonly string[],
): Generator<RawEntry> {
  const turns = texts.map((question, index) => ({ question, answer: answers[index] ?? '' }));
  if (split === 'train') yield { id, image, turns };
  else yield* turns.map((turn, index) => ({ id: `${id}_${index}`, image, turns: [turn] }));
}

function openOfficial(from: RawFolder): RawData {
  const file = from.require(['dataset.json'], hint);
  return {
    form: 'official files',
    annotations: [],
    *entries(split) {
      for (const { row, key, value } of streamJson(file)) {
        const { questions: texts, answers, imageURL, split: number } = checkRow(book, value, { file, row });
        if (number !== numberOf[split]) continue;
        if (texts.length !== answers.length) {
          const message = `expected ${texts.length} answers, one per question, found ${answers.length}`;
          throw rowError({ file, row }, 'answers', message);
        }
        const name = `${key}${extname(imageURL) || '.jpg'}`;
        const image = from.image(`OCR-VQA/images/${name}`, [`images/${name}`, `images/${key}.jpg`]);
        yield* entriesOf(split, key, image, texts, answers);
      }
    },
  };
}

function openParquet(files: Readonly<Record<RawSplit, readonly string[]>>): RawData {
  return {
    form: 'Parquet',
    annotations: [],
    async *entries(split) {
      for await (const row of parquetRows(files[split], parquetBook)) {
        const image = { path: `OCR-VQA/images/${row.image_id}.jpg`, content: row.image.bytes };
        yield* entriesOf(split, row.image_id, image, row.questions, row.answers);
      }
    },
  };
}
