// From Hugging Face's Parquet files, with images inside, to CoIN's files: read by the reader of the official data.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { prepareTask } from '../../src/data/preparation/prepare.ts';
import { readImage } from '../../src/formats/images/image.ts';
import { type CoinTask, tasks } from '../../src/tasks/index.ts';
import { writeParquet } from '../support/files/parquet.ts';
import { drawImage } from '../support/files/raw-downloads.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-parquet-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const raw = (task: string, path: string) => join(root, task, path);
const ten = (answer: string) => [...Array.from({ length: 8 }, () => answer), 'other', 'maybe'];
const images = await Promise.all(
  Array.from({ length: 8 }, (_, seed) => drawImage(seed, { format: seed % 2 === 0 ? 'jpeg' : 'png' })),
);

const writers = {
  ScienceQA() {
    const kinds = {
      image: 'image',
      question: 'text',
      choices: 'texts',
      answer: 'integer',
      hint: 'text',
      task: 'text',
      subject: 'text',
      topic: 'text',
    } as const;
    const row = (image: Buffer | null, answer: number) => ({
      image,
      question: `Which is ${answer}?`,
      choices: ['zero', 'one'],
      answer,
      hint: '',
      task: 'closed choice',
      subject: 'natural science',
      topic: 'physics',
    });
    const rows = [row(images[0]!, 1), row(null, 0), row(images[1]!, 1)];
    writeParquet(raw('ScienceQA', 'data/train-00000-of-00001-abc.parquet'), kinds, rows);
    writeParquet(raw('ScienceQA', 'data/test-00000-of-00001-def.parquet'), kinds, rows.slice(0, 2));
  },
  TextVQA() {
    const kinds = {
      image_id: 'text',
      question_id: 'integer',
      question: 'text',
      image: 'image',
      answers: 'texts',
    } as const;
    const row = (id: number) => ({
      image_id: `a${id}`,
      question_id: id,
      question: `what is ${id}?`,
      image: images[id % 8]!,
      answers: ten(`it is ${id}`),
    });
    writeParquet(raw('TextVQA', 'data/train-00000-of-00002.parquet'), kinds, [row(0), row(1), row(2)]);
    writeParquet(raw('TextVQA', 'data/train-00001-of-00002.parquet'), kinds, [row(3)]);
    writeParquet(raw('TextVQA', 'data/validation-00000-of-00001.parquet'), kinds, [row(10), row(11)]);
  },
  GQA() {
    const questions = {
      id: 'text',
      imageId: 'text',
      question: 'text',
      answer: 'text',
      isBalanced: 'boolean',
    } as const;
    const imageColumns = { id: 'text', image: 'image' } as const;
    const question = (id: string, imageId: string) => ({
      id,
      imageId,
      question: `What is ${id}?`,
      answer: 'table',
      isBalanced: true,
    });
    for (const [split, config] of [
      ['train', 'train_balanced'],
      ['testdev', 'testdev_balanced'],
    ] as const) {
      writeParquet(raw('GQA', `${config}_instructions/${split}-00000-of-00001.parquet`), questions, [
        question('7', 'p1'),
        question('8', 'p2'),
        question('9', 'p1'),
      ]);
      writeParquet(raw('GQA', `${config}_images/${split}-00000-of-00001.parquet`), imageColumns, [
        { id: 'p2', image: images[2]! },
        { id: 'p1', image: images[3]! },
      ]);
    }
  },
  VizWiz() {
    const kinds = { question_id: 'text', image: 'image', question: 'text', answers: 'texts' } as const;
    const row = (split: string, id: number) => ({
      question_id: `VizWiz_${split}_0000000${id}.jpg`,
      image: images[id]!,
      question: 'What is it?',
      answers: ten(id === 1 ? 'unanswerable' : `thing ${id}`),
    });
    writeParquet(raw('VizWiz', 'data/train-00000-of-00001.parquet'), kinds, [
      row('train', 0),
      row('train', 1),
    ]);
    writeParquet(raw('VizWiz', 'data/val-00000-of-00001.parquet'), kinds, [row('val', 2), row('val', 3)]);
  },
  VQAv2() {
    const kinds = {
      question_id: 'integer',
      image_id: 'integer',
      question: 'text',
      multiple_choice_answer: 'text',
      answers: 'answers',
      image: 'image',
    } as const;
    const row = (question_id: number, image_id: number) => ({
      question_id,
      image_id,
      question: `What is ${question_id}?`,
      multiple_choice_answer: 'net',
      answers: ten('net').map((answer) => ({ answer })),
      image: images[image_id]!,
    });
    const rows = [row(10, 1), row(11, 1), row(20, 2)];
    writeParquet(raw('VQAv2', 'data/train-00000-of-00001.parquet'), kinds, rows);
    writeParquet(raw('VQAv2', 'data/validation-00000-of-00001.parquet'), kinds, rows);
  },
  OCRVQA() {
    const kinds = { image: 'image', image_id: 'text', questions: 'texts', answers: 'texts' } as const;
    const row = (id: number) => ({
      image: images[id]!,
      image_id: `00000${id}`,
      questions: ['What is the title?', 'Who wrote it?'],
      answers: [`Book ${id}`, 'Somebody'],
    });
    writeParquet(raw('OCRVQA', 'data/train-00000-of-00001.parquet'), kinds, [row(0), row(1)]);
    writeParquet(raw('OCRVQA', 'data/test-00000-of-00001.parquet'), kinds, [row(2)]);
  },
} as const satisfies Partial<Record<CoinTask, () => void>>;

/** Ids, numbers of turns and answers of what is read back. */
const expected = {
  ScienceQA: { train: ['train-1 B', 'train-2 A', 'train-3 B'], test: ['test-1 B', 'test-2 A'] },
  TextVQA: {
    train: ['0 it is 0', '1 it is 1', '2 it is 2', '3 it is 3'],
    test: ['10 it is 10', '11 it is 11'],
  },
  GQA: { train: ['p2 table', 'p1 table|table'], test: ['8 table', '7 table', '9 table'] },
  VizWiz: {
    train: ['VizWiz_train_00000000 thing 0', 'VizWiz_train_00000001 unanswerable'],
    test: ['VizWiz_val_00000002 thing 2', 'VizWiz_val_00000003 thing 3'],
  },
  VQAv2: { train: ['1 net|net', '2 net'], test: ['10 net', '11 net', '20 net'] },
  OCRVQA: {
    train: ['000000 Book 0|Somebody', '000001 Book 1|Somebody'],
    test: ['000002_0 Book 2', '000002_1 Somebody'],
  },
} as const;

const names = Object.keys(writers) as (keyof typeof writers)[];

it.each(names)('%s', async (name) => {
  writers[name]();
  const to = join(root, 'coin');
  const source = { root: to, instructionType: 'Original' };
  expect(await prepareTask({ task: name, from: join(root, name), to })).toMatchObject({ form: 'Parquet' });
  const train = tasks[name].loadTrain(source);
  const test = tasks[name].loadTest(source);
  expect(train.map(({ id, turns }) => `${id} ${turns.map(({ answer }) => answer).join('|')}`)).toEqual(
    expected[name].train,
  );
  expect(test.map(({ id, answer }) => `${id} ${answer}`)).toEqual(expected[name].test);
  for (const { image } of [...train, ...test]) {
    if (image !== undefined) expect((await readImage(image)).width).toBe(48);
  }
  const predictions = test.map(({ id, text, answer }) => ({ question_id: id, prompt: text, text: answer }));
  expect(tasks[name].score('strict', test, predictions).accuracy).toBe(100);
});

it('a question whose image is in none of the files is missing its image', async () => {
  const from = join(root, 'incomplete');
  const kinds = {
    id: 'text',
    imageId: 'text',
    question: 'text',
    answer: 'text',
    isBalanced: 'boolean',
  } as const;
  for (const [split, config] of [
    ['train', 'train_balanced'],
    ['testdev', 'testdev_balanced'],
  ] as const) {
    const row = { id: '1', imageId: 'gone', question: 'What?', answer: 'it', isBalanced: true };
    writeParquet(join(from, `${config}_instructions/${split}-00000-of-00001.parquet`), kinds, [row]);
    writeParquet(
      join(from, `${config}_images/${split}-00000-of-00001.parquet`),
      { id: 'text', image: 'image' },
      [{ id: 'other', image: images[0]! }],
    );
  }
  await expect(prepareTask({ task: 'GQA', from, to: join(root, 'x') })).rejects.toThrow(
    '1 of 1 entries have no image; the first is to become cl_dataset/GQA/images/gone.jpg',
  );
});

it('a missing column, a wrong value and a file that is no Parquet are said by file, row and column', async () => {
  const from = join(root, 'bad');
  const file = join(from, 'data/train-00000-of-00001.parquet');
  const test = join(from, 'data/test-00000-of-00001.parquet');
  const kinds = { image: 'image', image_id: 'text', questions: 'texts', answers: 'texts' } as const;
  const good = { image: images[0]!, image_id: '1', questions: ['Q?'], answers: ['A'] };
  writeParquet(test, kinds, [good]);
  const failure = async () => {
    const error = await prepareTask({ task: 'OCRVQA', from, to: join(root, 'y') }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(DataError);
    return (error as DataError).message;
  };
  writeParquet(file, { image: 'image', image_id: 'text', questions: 'texts' }, [good]);
  expect(await failure()).toBe(
    `${file}: answers: expected a column of this name, found image, image_id, questions`,
  );
  writeParquet(file, kinds, [good, good, { ...good, image_id: '' }]);
  expect(await failure()).toBe(`${file}:3: image_id: expected text, found an empty string (row 3)`);
  writeFileSync(file, readFileSync(file).subarray(0, 100));
  expect(await failure()).toMatch(/^.*parquet: cannot be read as Parquet: /);
});
