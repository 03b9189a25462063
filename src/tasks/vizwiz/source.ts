// VizWiz-VQA as published: an array of annotations per split and the images, or Hugging Face's Parquet files.
// One question per image, called by the image's name. The answer is the most common of the ten people's.
import { z } from 'zod';
import type { RawFolder } from '../downloads/raw-folder.ts';
import {
  embeddedImage,
  humanAnswers,
  imageOf,
  jsonRows,
  parquetFiles,
  parquetRows,
  rawText,
} from '../downloads/raw-rows.ts';
import { mostCommonAnswer, type RawData, type RawSource, type RawSplit } from '../downloads/source.ts';

const hint = 'from vizwiz.org (VQA): Annotations.zip, train.zip, val.zip';

const annotation = z.object({ image: rawText, question: rawText, answers: humanAnswers });
const parquetRow = z.object({
  question_id: rawText,
  image: embeddedImage,
  question: rawText,
  answers: z.array(z.string()).min(1),
});
const parquetText = parquetRow.omit({ image: true });

/** CoIN tests on the validation split: the answers of the test split are secret. */
const folderOf = { train: 'train', test: 'val' } as const;
const idOf = (name: string) => name.replace(/\.\w+$/, '');

export const vizwizSource: RawSource = {
  testFile: 'val.json',
  expects: [
    'Annotations/train.json, Annotations/val.json, train/*.jpg, val/*.jpg',
    'or Parquet (columns as in lmms-lab/VizWiz-VQA): data/{train,val}-*.parquet',
  ],
  open(from) {
    if (from.find(places('train.json')) !== undefined) return openOfficial(from);
    const parquet = { train: parquetFiles(from, 'train'), test: parquetFiles(from, '(val|validation)') };
    return parquet.train.length > 0 ? openParquet(parquet) : openOfficial(from);
  },
};

const places = (name: string) => [`Annotations/${name}`, `annotations/${name}`, name];

function openOfficial(from: RawFolder): RawData {
  const files = {
    train: from.require(places('train.json'), hint),
    test: from.require(places('val.json'), hint),
  };
  return {
    form: 'official files',
    annotations: [{ path: 'VizWiz/Annotations/val.json', content: files.test }],
    *entries(split) {
      for (const { value } of jsonRows(files[split], annotation)) {
        const place = `${folderOf[split]}/${value.image}`;
        const turn = { question: value.question, answer: mostCommonAnswer(value.answers) };
        const image = from.image(`VizWiz/${place}`, [place, `images/${place}`]);
        yield { id: idOf(value.image), image, turns: [turn] };
      }
    },
  };
}

function openParquet(files: Readonly<Record<RawSplit, readonly string[]>>): RawData {
  const nameOf = (id: string) => `${idOf(id)}.jpg`;
  async function* annotations(): AsyncGenerator<string> {
    let separator = '[\n';
    for await (const { question_id, question, answers } of parquetRows(files.test, parquetText)) {
      const value = { image: nameOf(question_id), question, answers: answers.map((answer) => ({ answer })) };
      yield separator + JSON.stringify(value);
      separator = ',\n';
    }
    yield '\n]\n';
  }
  return {
    form: 'Parquet',
    annotations: [{ path: 'VizWiz/Annotations/val.json', content: annotations }],
    async *entries(split) {
      for await (const { question_id, image, question, answers } of parquetRows(files[split], parquetRow)) {
        const found = imageOf(`VizWiz/${folderOf[split]}/${nameOf(question_id)}`, image);
        yield {
          id: idOf(question_id),
          image: found,
          turns: [{ question, answer: mostCommonAnswer(answers) }],
        };
      }
    },
  };
}
