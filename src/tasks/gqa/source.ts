// GQA as published: the balanced questions as one JSON object per split and the images, or Hugging Face's Parquet
// files, which keep questions and images apart. In training, all questions about an image are one entry.
import { z } from 'zod';
import type { RawFolder, RawImage } from '../downloads/raw-folder.ts';
import { embeddedImage, jsonRows, parquetFiles, parquetRows, rawId, rawText } from '../downloads/raw-rows.ts';
import {
  groupedByImage,
  type RawData,
  type RawQuestion,
  type RawSource,
  type RawSplit,
  singly,
} from '../downloads/source.ts';

const hint = 'from the GQA site: questions1.2.zip (balanced questions) and images.zip';

const question = z.object({ imageId: rawText, question: rawText, answer: z.string() });
const parquetQuestion = z.object({ id: rawId, ...question.shape, isBalanced: z.boolean() });
const parquetImage = z.object({ id: rawText, image: embeddedImage });

const officialNames = { train: 'train_balanced_questions.json', test: 'testdev_balanced_questions.json' };
const parquetNames = { train: 'train_balanced', test: 'testdev_balanced' };
const annotationPath = `GQA/${officialNames.test}`;
const imagePath = (id: string) => `GQA/images/${id}.jpg`;

export const gqaSource: RawSource = {
  testFile: 'test.json',
  expects: [
    'train_balanced_questions.json, testdev_balanced_questions.json, images/<imageId>.jpg',
    'or Parquet (lmms-lab/GQA): {train,testdev}_balanced_{instructions,images}/*.parquet',
  ],
  open(from) {
    if (from.find(places(officialNames.train)) !== undefined) return openOfficial(from);
    const parquet = parquetFiles(from, 'train', `${parquetNames.train}_instructions/`);
    return parquet.length > 0 ? openParquet(from) : openOfficial(from);
  },
};

const places = (name: string) => [name, `questions1.2/${name}`, `questions/${name}`];

/** Training entries hold all questions about an image, test entries one. */
function entriesOf(split: RawSplit, questions: Iterable<RawQuestion>, image: (id: string) => RawImage) {
  return split === 'train' ? groupedByImage(questions, image) : singly(questions, image);
}

function openOfficial(from: RawFolder): RawData {
  const files = {
    train: from.require(places(officialNames.train), hint),
    test: from.require(places(officialNames.test), hint),
  };
  function* questions(split: RawSplit): Generator<RawQuestion> {
    for (const { key, value } of jsonRows(files[split], question)) {
      yield { id: key, imageId: value.imageId, turn: { question: value.question, answer: value.answer } };
    }
  }
  return {
    form: 'official files',
    annotations: [{ path: annotationPath, content: files.test }],
    entries: (split) =>
      entriesOf(split, questions(split), (id) => from.image(imagePath(id), [`images/${id}.jpg`])),
  };
}

function openParquet(from: RawFolder): RawData {
  const fileSplit = { train: 'train', test: 'testdev' };
  const files = (split: RawSplit, kind: 'instructions' | 'images') =>
    parquetFiles(from, fileSplit[split], `${parquetNames[split]}_${kind}/`);
  const questionFiles = { train: files('train', 'instructions'), test: files('test', 'instructions') };
  const imageFiles = { train: files('train', 'images'), test: files('test', 'images') };
  async function* annotation(): AsyncGenerator<string> {
    let separator = '{';
    for await (const { id, ...rest } of parquetRows(questionFiles.test, parquetQuestion)) {
      yield `${separator}\n${JSON.stringify(id)}: ${JSON.stringify(rest)}`;
      separator = ',';
    }
    yield '\n}\n';
  }
  return {
    form: 'Parquet',
    annotations: [{ path: annotationPath, content: annotation }],
    /** In the order of the image files: questions are small and kept, images pass by once. */
    async *entries(split) {
      const ofImage = new Map<string, RawQuestion[]>();
      for await (const { id, imageId, question: text, answer } of parquetRows(
        questionFiles[split],
        parquetQuestion,
      )) {
        const known = ofImage.get(imageId);
        const asked = { id, imageId, turn: { question: text, answer } };
        if (known === undefined) ofImage.set(imageId, [asked]);
        else known.push(asked);
      }
      for await (const { id, image } of parquetRows(imageFiles[split], parquetImage)) {
        const found = { path: imagePath(id), content: image.bytes };
        yield* entriesOf(split, ofImage.get(id) ?? [], () => found);
        ofImage.delete(id);
      }
      // Questions whose image is in none of the files.
      const rest = [...ofImage.values()].flat();
      yield* entriesOf(split, rest, (id) => ({ path: imagePath(id), content: undefined }));
    },
  };
}
