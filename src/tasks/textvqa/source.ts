// TextVQA 0.5.1 as published: a JSON file per split and the training images, which are the validation images' too,
// or Hugging Face's Parquet files. The answer is the most common of the ten people's.
import { z } from 'zod';
import type { RawFolder } from '../downloads/raw-folder.ts';
import {
  embeddedImage,
  imageOf,
  jsonRows,
  parquetFiles,
  parquetRows,
  rawId,
  rawText,
} from '../downloads/raw-rows.ts';
import { mostCommonAnswer, type RawData, type RawSource, type RawSplit } from '../downloads/source.ts';
import { humanAnswerCount } from '../vqa.ts';

const hint =
  'from textvqa.org, version 0.5.1: TextVQA_0.5.1_train.json, TextVQA_0.5.1_val.json, train_val_images.zip';

const row = z.object({
  question_id: rawId,
  image_id: rawText,
  question: rawText,
  answers: z.array(z.string()).length(humanAnswerCount, `expected ${humanAnswerCount} answers`),
});
const parquetRow = z.object({ ...row.shape, image: embeddedImage });

const imagePath = (id: string) => `TextVQA/train_images/${id}.jpg`;
const turnOf = ({ question, answers }: z.output<typeof row>) => ({
  question,
  answer: mostCommonAnswer(answers),
});

export const textvqaSource: RawSource = {
  testFile: 'val.json',
  expects: [
    'TextVQA_0.5.1_train.json, TextVQA_0.5.1_val.json, train_images/<image_id>.jpg',
    'or Parquet (facebook/textvqa, lmms-lab/textvqa): data/{train,validation}-*.parquet',
  ],
  open(from) {
    if (from.find(['TextVQA_0.5.1_train.json']) !== undefined) return openOfficial(from);
    const parquet = { train: parquetFiles(from, 'train'), test: parquetFiles(from, 'validation') };
    return parquet.train.length > 0 ? openParquet(parquet) : openOfficial(from);
  },
};

function openOfficial(from: RawFolder): RawData {
  const files = {
    train: from.require(['TextVQA_0.5.1_train.json'], hint),
    test: from.require(['TextVQA_0.5.1_val.json'], hint),
  };
  return {
    form: 'official files',
    annotations: [{ path: 'TextVQA/TextVQA_0.5.1_val.json', content: files.test }],
    *entries(split) {
      for (const { value } of jsonRows(files[split], row, 'data')) {
        const name = `${value.image_id}.jpg`;
        const places = [`train_images/${name}`, `train_val_images/train_images/${name}`];
        const image = from.image(imagePath(value.image_id), places);
        yield { id: value.question_id, image, turns: [turnOf(value)] };
      }
    },
  };
}

function openParquet(files: Readonly<Record<RawSplit, readonly string[]>>): RawData {
  /** As the official file, as far as scorers read it. */
  async function* validationJson(): AsyncGenerator<string> {
    yield '{"dataset_type": "val", "dataset_name": "textvqa", "dataset_version": "0.5.1", "data": [';
    let separator = '\n';
    for await (const value of parquetRows(files.test, row)) {
      yield separator + JSON.stringify(value);
      separator = ',\n';
    }
    yield '\n]}\n';
  }
  return {
    form: 'Parquet',
    annotations: [{ path: 'TextVQA/TextVQA_0.5.1_val.json', content: validationJson }],
    async *entries(split) {
      for await (const value of parquetRows(files[split], parquetRow)) {
        const image = imageOf(imagePath(value.image_id), value.image);
        yield { id: value.question_id, image, turns: [turnOf(value)] };
      }
    },
  };
}
