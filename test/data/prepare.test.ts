// From raw downloads in their official formats to CoIN's files: the rows by hand, images, wordings. The command, and what is
// left by one that was killed, are in prepare-again.test.ts.
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import { prepareTask } from '../../src/data/preparation/prepare.ts';
import { listFiles, sha256OfFile } from '../../src/formats/files/files.ts';
import { coinTasks, tasks } from '../../src/tasks/index.ts';
import { writeDownload } from '../support/files/raw-downloads.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-prepare-'));
const raw = (task: string) => join(root, 'raw', task);
const to = join(root, 'coin');
const source = { root: to, instructionType: 'Original' };

beforeAll(async () => {
  for (const task of coinTasks) {
    await writeDownload(task, raw(task));
    await prepareTask({ task, from: raw(task), to });
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function rows(path: string, folder = to): Record<string, unknown>[] {
  return JSON.parse(readFileSync(join(folder, path), 'utf8')) as Record<string, unknown>[];
}

const short = 'Answer the question using a single word or phrase.';
const letter = "Answer with the option's letter from the given choices directly.";
const region = 'Please provide the bounding box coordinate of the region this sentence describes:';
const human = (value: string) => ({ from: 'human', value });
const gpt = (value: string) => ({ from: 'gpt', value });

describe("the rows of CoIN's files", () => {
  it('ScienceQA: context, question, choices; with and without an image', () => {
    const train = rows('Instructions_Original/ScienceQA/train.json');
    expect(train.map(({ id }) => id)).toEqual(['1', '2', '6']);
    expect(train[0]).toEqual({
      id: '1',
      image: 'ScienceQA/images/train/1/image.png',
      conversations: [human(`<image>\nWhich one is number 1?\nA. zero\nB. one\nC. two\n${letter}`), gpt('B')],
    });
    expect(train[1]).toEqual({
      id: '2',
      conversations: [
        human(`Context: Numbers count.\nWhich one is number 2?\nA. zero\nB. one\nC. two\n${letter}`),
        gpt('C'),
      ],
    });
    expect(rows('Instructions_Original/ScienceQA/test.json')).toEqual([
      {
        question_id: '4',
        image: 'ScienceQA/images/test/4/image.png',
        text: `Context: The image shows it.\nWhich one is number 0?\nA. zero\nB. one\nC. two\n${letter}`,
        answer: 'A',
      },
      { question_id: '5', text: `Which one is number 2?\nA. zero\nB. one\nC. two\n${letter}`, answer: 'C' },
    ]);
  });

  it('TextVQA: the most common answer', () => {
    expect(rows('Instructions_Original/TextVQA/train.json')[1]).toEqual({
      id: '1',
      image: 'TextVQA/train_images/aa00.jpg',
      conversations: [human(`<image>\nwhat brand is number 1?\n${short}`), gpt('red')],
    });
    expect(rows('Instructions_Original/TextVQA/val.json')[0]).toEqual({
      question_id: '34602',
      image: 'TextVQA/train_images/bb00.jpg',
      text: `what brand is number 34602?\n${short}`,
      answer: 'dakota digital',
    });
  });

  it('ImageNet: names from the list, then from the mapping; classes that are not listed stay away', () => {
    const train = rows('Instructions_Original/ImageNet/train.json');
    expect(train).toHaveLength(4);
    expect(train).toContainEqual({
      id: 'n01440764_18',
      image: 'ImageNet_withlabel/train/n01440764/n01440764_18.JPEG',
      conversations: [human(`<image>\nWhat is the object in the image?\n${short}`), gpt('tench')],
    });
    const test = rows('Instructions_Original/ImageNet/test.json');
    expect(test).toContainEqual({
      question_id: 'ILSVRC2012_val_00003537',
      image: 'ImageNet_withlabel/val/n01443537/ILSVRC2012_val_00003537.JPEG',
      text: `What is the object in the image?\n${short}`,
      answer: 'gold fish',
    });
  });

  it('GQA: training by image, tests by question', () => {
    expect(rows('Instructions_Original/GQA/train.json')).toEqual([
      {
        id: '2354786',
        image: 'GQA/images/2354786.jpg',
        conversations: [
          human(`<image>\nIs the sky dark?\n${short}`),
          gpt('yes'),
          human(`Is the sky clear?\n${short}`),
          gpt('no'),
        ],
      },
      {
        id: '2375429',
        image: 'GQA/images/2375429.jpg',
        conversations: [human(`<image>\nWhat is on the white wall?\n${short}`), gpt('pipe')],
      },
    ]);
    const test = rows('Instructions_Original/GQA/test.json');
    expect(test.map(({ question_id }) => question_id)).toEqual(['201307251', '201307252', '201640614']);
    expect(test[2]).toEqual({
      question_id: '201640614',
      image: 'GQA/images/n435808.jpg',
      text: `Who is wearing the dress?\n${short}`,
      answer: 'woman',
    });
  });

  it('VizWiz: ids are the names of the images', () => {
    expect(rows('Instructions_Original/VizWiz/train.json')[1]).toEqual({
      id: 'VizWiz_train_00000001',
      image: 'VizWiz/train/VizWiz_train_00000001.jpg',
      conversations: [human(`<image>\nWhat is number 1?\n${short}`), gpt('unanswerable')],
    });
    expect(rows('Instructions_Original/VizWiz/val.json')[1]).toEqual({
      question_id: 'VizWiz_val_00000001',
      image: 'VizWiz/val/VizWiz_val_00000001.jpg',
      text: `What is number 1?\n${short}`,
      answer: 'beige',
    });
  });

  it('Grounding: boxes on the padded square, three data sets mixed, ids apart', () => {
    const train = rows('Instructions_Original/Grounding/train.json');
    expect(train.map(({ id }) => id).sort()).toEqual(['refcoco+_581857', 'refcoco_581857', 'refcocog_222']);
    // 64 x 48, box 8,4 32x24: the square adds 8 above. x: 8/64, 40/64; y: (4+8)/64, (28+8)/64.
    expect(train.find(({ id }) => id === 'refcoco_581857')).toEqual({
      id: 'refcoco_581857',
      image: 'COCO2014/train2014/COCO_train2014_000000581857.jpg',
      conversations: [
        human(`<image>\n${region} the lady with the blue shirt`),
        gpt('[0.13, 0.19, 0.63, 0.56]'),
        human(`${region} lady`),
        gpt('[0.13, 0.19, 0.63, 0.56]'),
      ],
    });
    const test = rows('Instructions_Original/Grounding/test.json');
    expect(test).toHaveLength(4);
    // 48 x 64: the square adds 8 on the left. x: 16/64, 48/64; y: 4/64, 28/64. Plain: 8/48, 4/64, 40/48, 28/64.
    expect(test.find(({ question_id }) => question_id === 'refcoco_2')).toEqual({
      question_id: 'refcoco_2',
      image: 'COCO2014/train2014/COCO_train2014_000000019399.jpg',
      text: `${region} man on left`,
      answer: '[0.25, 0.06, 0.75, 0.44]',
      answer_bbox: '[0.25, 0.06, 0.75, 0.44]',
      origin_answer_bbox: '[0.17, 0.06, 0.83, 0.44]',
      size: [48, 64],
    });
  });

  it('VQAv2: answers from the annotations', () => {
    expect(rows('Instructions_Original/VQAv2/train.json')[0]).toEqual({
      id: '458752',
      image: 'COCO2014/train2014/COCO_train2014_000000458752.jpg',
      conversations: [
        human(`<image>\nWhat is this photo taken looking through?\n${short}`),
        gpt('net'),
        human(`What position is this man playing?\n${short}`),
        gpt('pitcher'),
      ],
    });
    expect(rows('Instructions_Original/VQAv2/val.json')[1]).toEqual({
      question_id: '262148001',
      image: 'COCO2014/val2014/COCO_val2014_000000262148.jpg',
      text: `How many people are there?\n${short}`,
      answer: '10',
    });
  });

  it('OCRVQA: a book is an entry, a question a test; the validation books stay away', () => {
    const train = rows('Instructions_Original/OCRVQA/train.json');
    expect(train.map(({ id, image }) => [id, image])).toEqual([
      ['0060732660', 'OCR-VQA/images/0060732660.jpg'],
      ['0471000000', 'OCR-VQA/images/0471000000.png'],
    ]);
    expect(train[0]?.conversations).toHaveLength(4);
    expect(rows('Instructions_Original/OCRVQA/test.json')).toEqual([
      {
        question_id: '0135119000_0',
        image: 'OCR-VQA/images/0135119000.jpg',
        text: `What is the title of this book?\n${short}`,
        answer: 'New Roads',
      },
      {
        question_id: '0135119000_1',
        image: 'OCR-VQA/images/0135119000.jpg',
        text: `Is this a sociopolitical book?\n${short}`,
        answer: 'No',
      },
    ]);
  });
});

it.each(coinTasks)('%s is read by the reader of the official data, and its own answers are right', (name) => {
  const task = tasks[name];
  expect(task.loadTrain(source).length).toBeGreaterThan(1);
  const samples = task.loadTest(source);
  const predictions = samples.map(({ id, text, answer }) => ({
    question_id: id,
    prompt: text,
    text: answer,
  }));
  expect(task.score('strict', samples, predictions).accuracy).toBeGreaterThan(99);
});

describe('images', () => {
  it('are links to the originals unless copies or nothing are wanted', async () => {
    const image = 'cl_dataset/GQA/images/2354786.jpg';
    expect(lstatSync(join(to, image)).isSymbolicLink()).toBe(true);
    expect(sha256OfFile(join(to, image))).toBe(sha256OfFile(join(raw('GQA'), 'images/2354786.jpg')));
    const [copied, none] = [join(root, 'copied'), join(root, 'none')];
    await prepareTask({ task: 'GQA', from: raw('GQA'), to: copied, images: 'copy' });
    expect(lstatSync(join(copied, image)).isFile()).toBe(true);
    await prepareTask({ task: 'GQA', from: raw('GQA'), to: none, images: 'none' });
    expect(existsSync(join(none, image))).toBe(false);
    const instructions = 'Instructions_Original/GQA/train.json';
    expect(sha256OfFile(join(none, instructions))).toBe(sha256OfFile(join(copied, instructions)));
  });

  it('that are missing are counted, and left out when wanted', async () => {
    const from = join(root, 'few images');
    await writeDownload('OCRVQA', from);
    rmSync(join(from, 'images/0471000000.png'));
    const folder = join(root, 'few');
    await expect(prepareTask({ task: 'OCRVQA', from, to: folder })).rejects.toThrow(
      new UserError({
        message:
          '1 of 2 entries have no image; the first is to become cl_dataset/OCR-VQA/images/0471000000.png',
        hint: 'download the rest, or leave those entries out: --missing skip',
      }),
    );
    expect(listFiles(folder).filter((path) => path.includes('train.json'))).toEqual([]);
    const { files } = await prepareTask({ task: 'OCRVQA', from, to: folder, missing: 'skip' });
    expect(files.map(({ entries, leftOut }) => [entries, leftOut])).toEqual([
      [1, 1],
      [2, 0],
    ]);
  });
});

it('questions without an answer are left out and counted, and an entry without questions is none', async () => {
  const from = join(root, 'unanswered');
  await writeDownload('OCRVQA', from);
  const file = join(from, 'dataset.json');
  const books = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { answers: string[] }>;
  books['0060732660']!.answers = ['', 'No'];
  books['0471000000']!.answers = [' ', ''];
  writeFileSync(file, JSON.stringify(books));
  const folder = join(root, 'answered');
  const { files } = await prepareTask({ task: 'OCRVQA', from, to: folder });
  expect(files.map(({ entries, turns, unanswered }) => [entries, turns, unanswered])).toEqual([
    [1, 1, 3],
    [2, 2, 0],
  ]);
  expect(rows('Instructions_Original/OCRVQA/train.json', folder)[0]?.conversations).toEqual([
    human(`<image>\nIs this a sociopolitical book?\n${short}`),
    gpt('No'),
  ]);
});

it('instruction types differ in the wording only; of ten, one is drawn per entry, always the same', async () => {
  const folder = join(root, 'types');
  const text = (type: string) => rows(`Instructions_${type}/TextVQA/val.json`, folder).map((row) => row.text);
  for (const instructionType of ['Original', 'Diverse', '10Type'] as const) {
    await prepareTask({ task: 'TextVQA', from: raw('TextVQA'), to: folder, instructionType });
  }
  expect(text('Diverse')[0]).toBe(
    'what brand is number 34602?\nCapture the essence of your response in a single word or a concise phrase.',
  );
  for (const [index, ten] of text('10Type').entries()) {
    expect(String(ten).split('\n')[0]).toBe(String(text('Original')[index]).split('\n')[0]);
  }
  const few = join(root, 'few types');
  const limited = {
    task: 'TextVQA',
    from: raw('TextVQA'),
    to: few,
    instructionType: '10Type',
    limit: 1,
  } as const;
  await prepareTask(limited);
  expect(rows('Instructions_10Type/TextVQA/val.json', few)).toEqual(
    rows('Instructions_10Type/TextVQA/val.json', folder).slice(0, 1),
  );
});
