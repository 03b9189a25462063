// VQAv2 as published: questions and annotations apart, images in COCO 2014's folders; or Hugging Face's Parquet
// files. In training, all questions about an image are one entry. The answer is the annotation's own.
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
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
import {
  groupedByImage,
  type RawData,
  type RawQuestion,
  type RawSource,
  type RawSplit,
  singly,
} from '../downloads/source.ts';

const hint =
  'from visualqa.org: questions and annotations of the balanced real images, training and validation';

const question = z.object({ question_id: rawId, image_id: rawId, question: rawText });
const annotation = z.object({ question_id: rawId, multiple_choice_answer: z.string() });
const parquetText = z.object({
  ...question.shape,
  multiple_choice_answer: z.string(),
  answers: z.array(z.object({ answer: z.string() })),
});
const parquetRow = parquetText.omit({ answers: true }).extend({ image: embeddedImage });

const folderOf = { train: 'train2014', test: 'val2014' } as const;
const annotationPath = 'VQAv2/v2_mscoco_val2014_annotations.json';

function placeOf(split: RawSplit, imageId: string): string {
  const folder = folderOf[split];
  return `${folder}/COCO_${folder}_${imageId.padStart(12, '0')}.jpg`;
}

export const vqav2Source: RawSource = {
  testFile: 'val.json',
  expects: [
    'v2_OpenEnded_mscoco_{train,val}2014_questions.json, v2_mscoco_{train,val}2014_annotations.json, train2014/*.jpg, val2014/*.jpg',
    'or Parquet (columns as in lmms-lab/VQAv2): data/{train,validation}-*.parquet',
  ],
  open(from) {
    const official = from.find(places('v2_OpenEnded_mscoco_train2014_questions.json'));
    if (official !== undefined) return openOfficial(from);
    const parquet = { train: parquetFiles(from, 'train'), test: parquetFiles(from, 'validation') };
    return parquet.train.length > 0 ? openParquet(parquet) : openOfficial(from);
  },
};

const places = (name: string) => [name, `questions/${name}`, `annotations/${name}`];

function openOfficial(from: RawFolder): RawData {
  const file = (split: RawSplit, kind: 'questions' | 'annotations') => {
    const prefix = kind === 'questions' ? 'v2_OpenEnded_mscoco' : 'v2_mscoco';
    return from.require(places(`${prefix}_${folderOf[split]}_${kind}.json`), hint);
  };
  const questionFiles = { train: file('train', 'questions'), test: file('test', 'questions') };
  const annotationFiles = { train: file('train', 'annotations'), test: file('test', 'annotations') };
  function* questions(split: RawSplit): Generator<RawQuestion> {
    const answers = new Map<string, string>();
    for (const { value } of jsonRows(annotationFiles[split], annotation, 'annotations')) {
      answers.set(value.question_id, value.multiple_choice_answer);
    }
    let row = 0;
    for (const { value } of jsonRows(questionFiles[split], question, 'questions')) {
      row++;
      const answer = answers.get(value.question_id);
      if (answer === undefined) {
        throw new DataError({
          file: questionFiles[split],
          line: row,
          field: 'question_id',
          message: `${value.question_id} has no annotation in ${annotationFiles[split]} (row ${row})`,
        });
      }
      yield { id: value.question_id, imageId: value.image_id, turn: { question: value.question, answer } };
    }
  }
  return {
    form: 'official files',
    annotations: [{ path: annotationPath, content: annotationFiles.test }],
    entries(split) {
      const image = (id: string) => {
        const place = placeOf(split, id);
        return from.image(`COCO2014/${place}`, [place, `images/${place}`, `COCO2014/${place}`]);
      };
      return split === 'train' ? groupedByImage(questions(split), image) : singly(questions(split), image);
    },
  };
}

function openParquet(files: Readonly<Record<RawSplit, readonly string[]>>): RawData {
  async function* annotations(): AsyncGenerator<string> {
    let separator = '{"annotations": [\n';
    for await (const { question: _, ...rest } of parquetRows(files.test, parquetText)) {
      yield separator + JSON.stringify(rest);
      separator = ',\n';
    }
    yield '\n]}\n';
  }
  async function* entries(split: RawSplit) {
    // An image comes with each of its questions, which follow one another: it is kept for one entry only.
    let last: { id: string; image: Uint8Array; turns: { question: string; answer: string }[] } | undefined;
    const entryOf = ({ id, image, turns }: NonNullable<typeof last>) => {
      return { id, image: { path: `COCO2014/${placeOf(split, id)}`, content: image }, turns };
    };
    for await (const row of parquetRows(files[split], parquetRow)) {
      const turn = { question: row.question, answer: row.multiple_choice_answer };
      if (split === 'test') {
        const image = imageOf(`COCO2014/${placeOf(split, row.image_id)}`, row.image);
        yield { id: row.question_id, image, turns: [turn] };
      } else if (last?.id === row.image_id) {
        last.turns.push(turn);
      } else {
        if (last !== undefined) yield entryOf(last);
        last = { id: row.image_id, image: row.image.bytes, turns: [turn] };
      }
    }
    if (last !== undefined) yield entryOf(last);
  }
  return { form: 'Parquet', annotations: [{ path: annotationPath, content: annotations }], entries };
}
