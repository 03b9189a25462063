import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { coinTasks, tasks } from '../index.ts';
import type { TaskSource } from '../task.ts';

let source: TaskSource = { root: '', instructionType: 'Original' };
beforeEach(() => {
  source = { root: mkdtempSync(join(tmpdir(), 'coin-tasks-')), instructionType: 'Original' };
  write('cl_dataset/COCO2014/1.jpg', '');
});
afterEach(() => rmSync(source.root, { recursive: true }));

function write(path: string, content: unknown): string {
  const file = join(source.root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error('expected an error');
}

const image = './COCO2014/1.jpg';
const imagePath = () => join(source.root, 'cl_dataset/COCO2014/1.jpg');
const human = (value: unknown) => ({ from: 'human', value });
const gpt = (value: unknown) => ({ from: 'gpt', value });
const goodTrain = { id: 'a', image, conversations: [human('<image>\nWhat?'), gpt('A cat')] };
const goodTest = { question_id: 'a', image, text: 'What?\nAnswer briefly.', answer: 'cat' };

describe('train.json', () => {
  const load = (rows: unknown, task: 'OCRVQA' | 'ScienceQA' = 'OCRVQA') => {
    write(`Instructions_Original/${task}/train.json`, rows);
    return tasks[task].loadTrain(source);
  };

  it('gives turns without the image token, string ids and absolute image paths', () => {
    const rows = [
      { ...goodTrain, id: 7, conversations: [...goodTrain.conversations, human('And?\n'), gpt('A dog')] },
      { question_id: 'b', image: 'COCO2014/1.jpg', conversations: [human('Where?\n<image>'), gpt('Here')] },
    ];
    expect(load(rows).map(({ id, image, turns }) => ({ id, image, turns }))).toEqual([
      {
        id: '7',
        image: imagePath(),
        turns: [
          { question: 'What?', answer: 'A cat' },
          { question: 'And?\n', answer: 'A dog' },
        ],
      },
      { id: 'b', image: imagePath(), turns: [{ question: 'Where?', answer: 'Here' }] },
    ]);
  });

  it('has text-only entries in ScienceQA and nowhere else', () => {
    const rows = [{ id: 'a', conversations: [human('Which?'), gpt('B')] }];
    const [sample] = load(rows, 'ScienceQA');
    expect(sample).toEqual({ id: 'a' });
    expect(sample?.turns).toEqual([{ question: 'Which?', answer: 'B' }]);
    expect(messageOf(() => load(rows))).toContain('image: expected the path of an image, found nothing');
  });

  it.each([
    [{ ...goodTrain, id: undefined }, 'id: expected an id, found neither'],
    [{ ...goodTrain, id: 2 ** 60 }, 'id: expected an id'],
    [{ ...goodTrain, image: 3 }, 'image: expected string, found number 3'],
    [{ ...goodTrain, image: '../x.jpg' }, 'image: expected a path inside'],
    [{ ...goodTrain, image: '/x.jpg' }, 'image: expected a path inside'],
    [{ ...goodTrain, image: undefined }, 'image: '],
    [{ ...goodTrain, conversations: undefined }, 'conversations: expected array, found nothing'],
    [{ ...goodTrain, conversations: [] }, 'conversations: expected a question and an answer'],
    [{ ...goodTrain, conversations: [human('x')] }, 'conversations: expected a question and an answer'],
    [{ ...goodTrain, conversations: [human('x'), gpt('')] }, 'conversations[1].value: expected text'],
    [
      { ...goodTrain, conversations: [human('x'), gpt(undefined)] },
      'conversations[1].value: expected string',
    ],
    [{ ...goodTrain, conversations: [human('x'), { from: 'user', value: 'y' }] }, 'conversations[1].from: '],
    [{ ...goodTrain, conversations: [gpt('x'), human('y')] }, 'conversations[0].from: expected "human"'],
    [
      { ...goodTrain, conversations: [...goodTrain.conversations, human('z')] },
      'conversations[2]: the last question has no answer',
    ],
    [
      { ...goodTrain, conversations: [human('<image>\n'), gpt('y')] },
      'conversations[0].value: expected a quest',
    ],
    [
      { ...goodTrain, conversations: [human('<image><image>x'), gpt('y')] },
      'conversations[0].value: expected one',
    ],
    ['row', 'expected object, found "row"'],
  ])('refuses %j', (row, message) => {
    const found = messageOf(() => load([goodTrain, row]));
    expect(found).toContain(`${join(source.root, 'Instructions_Original/OCRVQA/train.json')}:2: ${message}`);
    expect(found).toContain('(row 2)');
  });

  it('refuses an image token without an image', () => {
    expect(messageOf(() => load([{ ...goodTrain, image: undefined }], 'ScienceQA'))).toContain(
      'image: conversations[0].value has <image>',
    );
  });

  it('repairs .jpg.jpg, unless there is such a file', () => {
    const doubled = { ...goodTrain, image: 'COCO2014/1.jpg.jpg' };
    expect(load([doubled])[0]?.image).toBe(imagePath());
    const real = write('cl_dataset/COCO2014/1.jpg.jpg', '');
    expect(load([doubled])[0]?.image).toBe(real);
  });

  it('finds ImageNet under the name of its download, and paths from above cl_dataset', () => {
    const found = write('cl_dataset/ImageNet/train/n01440764/1.JPEG', '');
    const named = { ...goodTrain, image: './ImageNet_withlabel/train/n01440764/1.JPEG' };
    expect(load([named])[0]?.image).toBe(found);
    const real = write('cl_dataset/ImageNet_withlabel/train/n01440764/1.JPEG', '');
    expect(load([named])[0]?.image).toBe(real);
    expect(load([{ ...goodTrain, image: './cl_dataset/COCO2014/1.jpg' }])[0]?.image).toBe(imagePath());
  });

  it.each([
    ['Original', 'Instructions_Original', 'train.json'],
    ['Original', 'Instruction_Original', 'train.json'],
    ['Original', 'Instructions_Type1', 'train.json'],
    ['Original', 'playground/Instructions_Original', 'train.json'],
    ['Original', 'playground/Instructions', 'train.json'],
    ['Diverse', 'Instructions_Diverse', 'train.json'],
    ['Diverse', 'Instruction_Type2', 'train.json'],
    ['Diverse', 'Instructions', 'train_new.json'],
    ['10Type', 'Instructions_10Type', 'train.json'],
    ['10Type', 'Instructions_10type', 'train.json'],
  ])('of the type %s are found in %s', (instructionType, folder, name) => {
    write(`${folder}/OCRVQA/${name}`, [goodTrain]);
    expect(tasks.OCRVQA.loadTrain({ ...source, instructionType })).toHaveLength(1);
  });

  it('keeps only where a row stands, and reads its turns when asked', () => {
    const rows = Array.from({ length: 3 }, (_, index) => ({
      ...goodTrain,
      id: index,
      conversations: [human(`<image>\nWhat is ${index}?`), gpt(`é${index}`)],
    }));
    const samples = load(rows);
    expect(samples.map(({ turns }) => turns[0]?.answer)).toEqual(['é0', 'é1', 'é2']);
    write('Instructions_Original/OCRVQA/train.json', '');
    expect(messageOf(() => samples[2]?.turns)).toContain('train.json: truncated');
  });

  it('reports all missing images at once', () => {
    const lost = { ...goodTrain, image: 'COCO2014/2.jpg' };
    const found = messageOf(() => load([goodTrain, lost, { ...lost, image: 'OCR-VQA/images/3.jpg' }]));
    expect(found).toContain('train.json:2: image: image not found: ');
    expect(found).toContain('2 of 3 images are missing');
  });

  it('says what is there when the file is not', () => {
    expect(messageOf(() => tasks.GQA.loadTrain(source))).toContain('found no instruction folder');
    mkdirSync(join(source.root, 'Instructions_Diverse'));
    expect(messageOf(() => tasks.GQA.loadTrain(source))).toContain('found Instructions_Diverse');
    mkdirSync(join(source.root, 'Instructions_Original'));
    expect(messageOf(() => tasks.GQA.loadTrain(source))).toContain('expected a folder per task in');
  });

  it('names line and column of broken JSON', () => {
    expect(messageOf(() => load('[\n {"id"'))).toContain('train.json:2:7: JSON syntax');
  });
});

describe('test.json and val.json', () => {
  it('reads val.json where the test split has no public answers', () => {
    write('Instructions_Original/VizWiz/test.json', [{ ...goodTest, question_id: 'not this' }]);
    write('Instructions_Original/VizWiz/val.json', [{ ...goodTest, question_id: 3 }]);
    expect(tasks.VizWiz.loadTest(source)).toEqual([
      { id: '3', image: imagePath(), text: goodTest.text, answer: 'cat', truth: {} },
    ]);
  });

  it.each([
    [{ ...goodTest, answer: undefined }, 'answer: expected string, found nothing'],
    [{ ...goodTest, answer: '' }, 'answer: expected text, found an empty string'],
    [{ ...goodTest, text: undefined }, 'text: expected string'],
    [{ ...goodTest, question_id: null }, 'question_id: expected an id'],
    [goodTest, 'question_id: "a" is already the id of row 1'],
  ])('refuses %j', (row, message) => {
    write('Instructions_Original/OCRVQA/test.json', [goodTest, row]);
    expect(messageOf(() => tasks.OCRVQA.loadTest(source))).toContain(`test.json:2: ${message}`);
  });

  it('treats the ids 1 and "1" as the same', () => {
    write('Instructions_Original/OCRVQA/test.json', [
      { ...goodTest, question_id: 1 },
      { ...goodTest, question_id: '1' },
    ]);
    expect(messageOf(() => tasks.OCRVQA.loadTest(source))).toContain('already the id of row 1');
  });
});

describe('what tasks add', () => {
  it('ScienceQA: options and right index of problems.json, for rows of the test split', () => {
    write('Instructions_Original/ScienceQA/test.json', [{ ...goodTest, question_id: '5', image: undefined }]);
    const load = () => tasks.ScienceQA.loadTest(source);
    expect(messageOf(load)).toMatch(
      /pid_splits\.json: no such file\n {2}hint: part of the ScienceQA release/,
    );
    write('cl_dataset/ScienceQA/pid_splits.json', { train: [], test: ['5'] });
    expect(messageOf(load)).toContain('problems.json: no such file');
    write('cl_dataset/ScienceQA/problems.json', { 5: { choices: ['x', 'y'], answer: 1, hint: '' } });
    expect(load()[0]?.truth).toEqual({ choices: ['x', 'y'], choiceIndex: 1 });
    write('cl_dataset/ScienceQA/problems.json', { 5: { choices: ['x', 'y'], answer: 2 } });
    expect(messageOf(load)).toContain('problems.json:1: answer: expected the index of one of the choices');
    write('cl_dataset/ScienceQA/problems.json', {});
    expect(messageOf(load)).toContain('test.json:1: question_id: "5" has no entry in');
    write('cl_dataset/ScienceQA/pid_splits.json', { test: ['6'] });
    expect(messageOf(load)).toContain('"5" is not in the test split');
  });

  it('TextVQA: ten human answers of the official file, which must be there', () => {
    write('Instructions_Original/TextVQA/val.json', [{ ...goodTest, question_id: 5 }]);
    const load = () => tasks.TextVQA.loadTest(source);
    expect(messageOf(load)).toMatch(/TextVQA_0\.5\.1_val\.json: no such file\n {2}hint: .*textvqa\.org/);
    const answers = Array.from({ length: 10 }, (_, index) => `answer ${index}`);
    write('cl_dataset/TextVQA/TextVQA_0.5.1_val.json', { data: [{ question_id: 5, answers }] });
    expect(load()[0]?.truth).toEqual({ humanAnswers: answers });
    write('cl_dataset/TextVQA/TextVQA_0.5.1_val.json', { data: [{ question_id: 5, answers: ['x'] }] });
    expect(messageOf(load)).toContain('answers: expected 10 answers, found an array of 1');
    write('cl_dataset/TextVQA/TextVQA_0.5.1_val.json', []);
    expect(messageOf(load)).toContain('JSON syntax: expected {, found');
  });

  it('GQA: the official answer, or the instruction file alone', () => {
    write('Instructions_Original/GQA/test.json', [goodTest]);
    expect(tasks.GQA.loadTest(source)[0]?.truth).toEqual({});
    write('cl_dataset/GQA/testdev_balanced_questions.json', {
      a: { answer: 'dog', isBalanced: true, question: '' },
    });
    expect(tasks.GQA.loadTest(source)[0]?.truth).toEqual({ raw: { answer: 'dog', isBalanced: true } });
  });

  it('VizWiz and VQAv2: ten human answers where the official files are', () => {
    const answers = Array.from({ length: 10 }, (_, index) => ({ answer: `answer ${index}` }));
    const humanAnswers = answers.map(({ answer }) => answer);
    write('Instructions_Original/VizWiz/val.json', [goodTest]);
    write('cl_dataset/VizWiz/Annotations/val.json', [{ image: '1.jpg', question: '', answers }]);
    expect(tasks.VizWiz.loadTest(source)[0]?.truth).toEqual({ humanAnswers });
    write('Instructions_Original/VQAv2/val.json', [{ ...goodTest, question_id: 8 }]);
    expect(tasks.VQAv2.loadTest(source)[0]?.truth).toEqual({});
    const file = 'cl_dataset/VQAv2/v2_mscoco_val2014_annotations.json';
    write(file, { annotations: [{ question_id: 8, answers }] });
    expect(tasks.VQAv2.loadTest(source)[0]?.truth).toEqual({ humanAnswers });
    write(file, { annotations: [{ question_id: 9, answers }] });
    expect(messageOf(() => tasks.VQAv2.loadTest(source))).toContain(
      'val.json:1: question_id: "8" has no entry',
    );
  });

  it('Grounding: the box and the image size', () => {
    const row = { ...goodTest, answer: undefined, answer_bbox: '[0.1, 0.2, 0.3, 1.0]', size: [640, 480] };
    const load = (value: unknown) => {
      write('Instructions_Original/Grounding/test.json', [value]);
      return tasks.Grounding.loadTest(source)[0];
    };
    expect(load(row)).toMatchObject({
      answer: '[0.1, 0.2, 0.3, 1.0]',
      truth: { box: [0.1, 0.2, 0.3, 1], imageSize: [640, 480] },
    });
    expect(messageOf(() => load({ ...row, answer_bbox: '[0.1, 0.2, 0.3]' }))).toContain(
      'test.json:1: answer_bbox: expected "[x1, y1, x2, y2]"',
    );
    expect(messageOf(() => load({ ...row, size: [640] }))).toContain('test.json:1: size');
    expect(messageOf(() => load({ ...row, size: [0, 480] }))).toContain('test.json:1: size[0]');
  });
});

describe('annotations for scoring alone', () => {
  const answers = Array.from({ length: 10 }, (_, index) => ({
    answer: index < 7 ? 'red' : `answer ${index}`,
  }));
  const humanAnswers = answers.map(({ answer }) => answer);

  it("are CoIN's test file, or the folder that holds it; no image is looked for", () => {
    const file = write('any/test.json', [{ question_id: 7, answer: 'cat' }]);
    const expected = [{ id: '7', text: '', answer: 'cat', truth: {} }];
    expect(tasks.OCRVQA.readAnnotations(file)).toEqual(expected);
    expect(tasks.ImageNet.readAnnotations(join(source.root, 'any'))).toEqual(expected);
    expect(tasks.VizWiz.readAnnotations(join(source.root, 'any'))).toEqual(expected);
    expect(messageOf(() => tasks.OCRVQA.readAnnotations(source.root))).toContain(
      'expected test.json in this folder',
    );
    expect(messageOf(() => tasks.OCRVQA.readAnnotations('nowhere'))).toContain('no such file or folder');
    const twice = write('twice.json', [
      { question_id: 7, answer: 'a' },
      { question_id: '7', answer: 'b' },
    ]);
    expect(messageOf(() => tasks.OCRVQA.readAnnotations(twice))).toContain('already the id of row 1');
  });

  it('of ScienceQA are the test split and the problems', () => {
    write('sqa/pid_splits.json', { train: ['1'], test: ['3', '2'] });
    write('sqa/problems.json', {
      2: { choices: ['x', 'y'], answer: 1 },
      3: { choices: ['x', 'y'], answer: 0 },
    });
    const folder = join(source.root, 'sqa');
    expect(tasks.ScienceQA.readAnnotations(folder).map(({ id, answer }) => [id, answer])).toEqual([
      ['3', 'A'],
      ['2', 'B'],
    ]);
    expect(messageOf(() => tasks.ScienceQA.readAnnotations(join(folder, 'problems.json')))).toContain(
      'expected a folder with problems.json and pid_splits.json',
    );
    write('sqa/pid_splits.json', { test: ['4'] });
    expect(messageOf(() => tasks.ScienceQA.readAnnotations(folder))).toContain('"4" has no entry in');
  });

  it('of TextVQA and GQA are the official files', () => {
    write('o/TextVQA_0.5.1_val.json', {
      dataset_type: 'val',
      data: [{ question_id: 5, answers: humanAnswers }],
    });
    expect(tasks.TextVQA.readAnnotations(join(source.root, 'o'))[0]).toMatchObject({
      id: '5',
      truth: { humanAnswers },
    });
    write('o/testdev_balanced_questions.json', { 9: { answer: 'dog', isBalanced: true } });
    const question = { id: '9', answer: 'dog', truth: { raw: { answer: 'dog', isBalanced: true } } };
    expect(tasks.GQA.readAnnotations(join(source.root, 'o'))[0]).toMatchObject(question);
  });

  it('of VQAv2 and VizWiz may be official files, alone or beside the test file, or carry ten answers', () => {
    const official = write('v/v2_mscoco_val2014_annotations.json', {
      info: {},
      annotations: [{ question_id: 8, multiple_choice_answer: 'red', answers }],
    });
    const row = { id: '8', answer: 'red', truth: { humanAnswers } };
    expect(tasks.VQAv2.readAnnotations(official)[0]).toMatchObject(row);
    const val = write('v/val.json', [{ question_id: 8, answer: 'blue' }]);
    expect(tasks.VQAv2.readAnnotations(join(source.root, 'v'))[0]).toMatchObject({ ...row, answer: 'blue' });
    expect(tasks.VQAv2.readAnnotations(val)[0]?.truth).toEqual({});
    const rich = write('rich.json', [{ question_id: 8, answer: 'blue', answers: humanAnswers }]);
    expect(tasks.VizWiz.readAnnotations(rich)[0]?.truth).toEqual({ humanAnswers });
    const images = write('z/Annotations/val.json', [{ image: 'VizWiz_val_1.jpg', answers, answerable: 1 }]);
    expect(tasks.VizWiz.readAnnotations(images)[0]).toMatchObject({ ...row, id: 'VizWiz_val_1.jpg' });
    write('z/val.json', [{ question_id: 'q', image: './VizWiz/val/VizWiz_val_1.jpg', answer: 'blue' }]);
    expect(tasks.VizWiz.readAnnotations(join(source.root, 'z'))[0]?.truth).toEqual({ humanAnswers });
  });

  it('of Grounding give the box in both frames', () => {
    const size = [640, 480];
    const bare = { question_id: 1, answer_bbox: '[0.1, 0.225, 0.3, 0.525]', size };
    const file = write('g.json', [
      bare,
      { ...bare, question_id: 2, origin_answer_bbox: '[0.1, 0.2, 0.3, 0.4]' },
    ]);
    const [computed, given] = tasks.Grounding.readAnnotations(file);
    expect(computed?.truth).toEqual({ box: [0.1, 0.225, 0.3, 0.525], imageSize: size });
    expect(given?.truth.unpaddedBox).toEqual([0.1, 0.2, 0.3, 0.4]);
  });
});

it('every task has the name it is filed under', () => {
  expect(coinTasks.map((name) => tasks[name].name)).toEqual(coinTasks);
  expect(coinTasks.map((name) => tasks[name].maxNewTokens)).toEqual([
    1024, 128, 1024, 128, 128, 1024, 1024, 128,
  ]);
});
