// Every defect that the doctor can find, with the exact message; and that it finds nothing in data that is fine. Defects of
// images are in doctor-images.test.ts.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCount } from '../../src/data/doctor/counts.ts';
import { examineData } from '../../src/data/doctor/doctor.ts';
import { type CoinTask, coinTasks } from '../../src/tasks/index.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { editRows, only, ordinary, SickData } from '../support/sick-data.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-doctor-'));
const data = new SickData(root);
const findingsOf = data.findingsOf.bind(data);
const whole = join(root, 'whole');

beforeAll(async () => {
  buildIfStale();
  await data.prepare(coinTasks);
  for (const task of coinTasks) cpSync(data.healthy(task), whole, { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

it.each(coinTasks)('finds nothing wrong in the data of %s alone', async (task) => {
  const { findings, tasks } = await examineData({ folder: data.healthy(task), images: 'all' });
  expect(findings.filter(ordinary)).toEqual([]);
  expect(tasks.map((report) => report.task)).toEqual([task]);
});

it('reports entries, questions, images and the styles of answers', async () => {
  const report = await examineData({ folder: whole });
  expect(report.errors).toBe(0);
  expect(report.tasks.map(({ task }) => task)).toEqual(coinTasks);
  expect(report.tasks.find(({ task }) => task === 'VQAv2')).toEqual({
    task: 'VQAv2',
    train: {
      file: 'Instructions_Original/VQAv2/train.json',
      entries: 2,
      questions: 3,
      images: 2,
      answers: { 'single word': 3 },
    },
    test: {
      file: 'Instructions_Original/VQAv2/val.json',
      entries: 3,
      questions: 3,
      images: 2,
      answers: { 'yes/no': 1, number: 1, 'single word': 1 },
    },
    decoded: 4,
  });
  const styles = Object.fromEntries(report.tasks.map(({ task, test }) => [task, test?.answers]));
  expect(styles).toMatchObject({
    ScienceQA: { letter: 2 },
    VizWiz: { unanswerable: 1, 'single word': 1 },
    Grounding: { box: 4 },
    TextVQA: { phrase: 1, 'single word': 1 },
  });
});

describe('files', () => {
  it('none at all', async () => {
    const folder = join(root, 'empty');
    mkdirSync(folder);
    expect((await examineData({ folder })).findings).toEqual([
      {
        severity: 'error',
        code: 'instructions-missing',
        message: 'no instruction files: expected a folder per task in Instructions_Original/',
        hint: 'make them with coin data prepare, or choose another type with --instructions',
      },
    ]);
  });

  it('tasks that are not there', async () => {
    const { findings } = await examineData({ folder: data.healthy('GQA') });
    expect(findings.filter(({ code }) => code === 'task-missing')).toEqual(
      only(
        'warning',
        'task-missing',
        '7 of 8 tasks are not there: ScienceQA, TextVQA, ImageNet, VizWiz, Grounding, VQAv2, OCRVQA',
        'a run of the others needs a list of tasks: --set tasks=[...]',
      ),
    );
  });

  it.each([
    ['GQA', 'train.json', 'no train.json of the task GQA'],
    ['GQA', 'test.json', 'no test.json of the task GQA'],
    ['VizWiz', 'val.json', 'no val.json or test.json of the task VizWiz'],
  ] as const)('%s without %s', async (task, file, message) => {
    const found = await findingsOf(task, (folder) =>
      rmSync(join(folder, 'Instructions_Original', task, file)),
    );
    expect(found).toEqual(
      only('error', 'file-missing', message, `make it with coin data prepare --task ${task}`),
    );
  });

  it('a file that ends early, one without rows, one that is something else', async () => {
    const train = (folder: string) => join(folder, 'Instructions_Original/GQA/train.json');
    const cut = (folder: string) => {
      const text = readFileSync(train(folder), 'utf8');
      writeFileSync(train(folder), text.slice(0, text.indexOf('\n{', 5) + 20));
    };
    const hint = 'the file ends too early: fetch or write it again';
    expect(await findingsOf('GQA', cut)).toEqual(
      only(
        'error',
        'file-unreadable',
        'Instructions_Original/GQA/train.json:3:20: JSON syntax: unfinished string, the file ends here with 1 bracket open',
        hint,
      ),
    );
    expect(await findingsOf('GQA', (folder) => writeFileSync(train(folder), '[]'))).toEqual(
      only('error', 'file-unreadable', 'Instructions_Original/GQA/train.json: has no rows'),
    );
    expect(await findingsOf('GQA', (folder) => writeFileSync(train(folder), '<html>'))).toEqual(
      only(
        'error',
        'file-unreadable',
        'Instructions_Original/GQA/train.json:1:1: JSON syntax: expected [ or {, found "<"',
        'this is a web page: the download saved an error or login page instead of the file',
      ),
    );
  });

  it.each([
    ['ScienceQA', 'problems.json', 'error', 'the scorer reads options and answers there'],
    ['ScienceQA', 'pid_splits.json', 'error', 'the scorer reads the test split there'],
    ['TextVQA', 'TextVQA_0.5.1_val.json', 'error', "the scorer reads ten people's answers there"],
    [
      'GQA',
      'testdev_balanced_questions.json',
      'warning',
      "the reference scorer reads it; without it the test file's answers are used",
    ],
    [
      'VizWiz',
      'Annotations/val.json',
      'warning',
      "strict scoring uses ten people's answers; without it the single answer must match",
    ],
    [
      'VQAv2',
      'v2_mscoco_val2014_annotations.json',
      'warning',
      "strict scoring uses ten people's answers; without it the single answer must match",
    ],
  ] as const)('%s without %s', async (task, name, severity, use) => {
    const path = join('cl_dataset', task, name);
    const found = await findingsOf(task, (folder) => rmSync(join(folder, path)));
    expect(found).toEqual(only(severity, 'annotation-missing', `${path} is not there: ${use}`));
  });

  it('annotations that do not know a test row', async () => {
    const change = (folder: string) =>
      editRows(folder, 'TextVQA/val.json', (rows) => {
        rows[1]!.question_id = 'unknown';
      });
    const [finding, ...others] = await findingsOf('TextVQA', change);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ severity: 'error', code: 'annotation-unusable' });
    expect(finding?.message.replaceAll(/\S*broken \d+/g, '~')).toBe(
      'Instructions_Original/TextVQA/val.json: 1 test row does not fit the annotation files; the first: question_id: "unknown" has no entry in ~/cl_dataset/TextVQA/TextVQA_0.5.1_val.json (row 2)',
    );
  });
});

describe('rows', () => {
  it('that the reader would refuse are counted by what is wrong', async () => {
    const change = (folder: string) =>
      editRows(folder, 'VizWiz/train.json', (rows) => {
        delete rows[0]!.image;
        delete rows[2]!.image;
        (rows[1]!.conversations as unknown[]).push({ from: 'human', value: 'And then?' });
      });
    expect(await findingsOf('VizWiz', change)).toEqual([
      ...only(
        'error',
        'row-unusable',
        'Instructions_Original/VizWiz/train.json: 2 rows cannot be used; the first: image: conversations[0].value has <image>, but the row has no image (row 1)',
      ),
      ...only(
        'error',
        'row-unusable',
        'Instructions_Original/VizWiz/train.json: 1 row cannot be used; the first: conversations[2]: the last question has no answer (row 2)',
      ),
    ]);
    const outside = (folder: string) =>
      editRows(folder, 'VizWiz/val.json', (rows) => {
        rows[0]!.image = '../../elsewhere.jpg';
      });
    const [finding] = await findingsOf('VizWiz', outside);
    expect(finding?.message).toMatch(
      /^Instructions_Original\/VizWiz\/val\.json: 1 row cannot be used; the first: image: expected a path inside .*cl_dataset, found "\.\.\/\.\.\/elsewhere\.jpg" \(row 1\)$/,
    );
  });

  it('ids that are not unique: an error in the test, a warning in training', async () => {
    const twice = (file: string, field: string) => (folder: string) =>
      editRows(folder, file, (rows) => {
        rows[1]![field] = rows[0]![field];
      });
    expect(await findingsOf('OCRVQA', twice('OCRVQA/test.json', 'question_id'))).toEqual(
      only(
        'error',
        'id-repeated',
        'Instructions_Original/OCRVQA/test.json: 1 id is not unique; the first: "0135119000_0" in rows 1 and 2',
        'predictions are matched by id: give each row its own',
      ),
    );
    expect(await findingsOf('OCRVQA', twice('OCRVQA/train.json', 'id'))).toEqual(
      only(
        'warning',
        'id-repeated',
        'Instructions_Original/OCRVQA/train.json: 1 id is not unique; the first: "0060732660" in rows 1 and 2',
      ),
    );
  });

  it.each([
    ['ScienceQA', 'test.json', 'answer', 'F', "an option's letter, A to E"],
    [
      'Grounding',
      'test.json',
      'answer_bbox',
      '[0.6, 0.1, 0.2, 0.3]',
      'a box [x1, y1, x2, y2] between 0 and 1 with x1 < x2 and y1 < y2',
    ],
    ['GQA', 'test.json', 'answer', 'no\nyes', 'one line of at most 300 characters'],
  ] as const)('%s: an answer of another format', async (task, file, field, answer, form) => {
    const change = (folder: string) =>
      editRows(folder, `${task}/${file}`, (rows) => {
        rows[1]![field] = answer;
      });
    expect(await findingsOf(task, change)).toEqual(
      only(
        'error',
        'answer-format',
        `Instructions_Original/${task}/${file}: 1 answer is not ${form}; the first in row 2: "${answer.replace('\n', '\\n')}"`,
      ),
    );
  });
});

describe('counts', () => {
  const count = (task: CoinTask, part: 'train' | 'test', entries: number, origin = {}) =>
    checkCount(task, part, 'F', entries, origin, false).map(
      ({ severity, message }) => `${severity}: ${message}`,
    );

  it('as known are fine; others are an error where the figure is sure, a warning where it is not', () => {
    expect(count('GQA', 'test', 12_578)).toEqual([]);
    expect(count('ImageNet', 'train', 117_715)).toEqual([]);
    expect(count('GQA', 'test', 12_000)).toEqual([
      'error: F: 12000 entries, expected 12578 (derived: committed question-type counts, testdev_balanced)',
    ]);
    expect(count('VizWiz', 'train', 3)).toEqual([
      'warning: F: 3 entries, expected 20523 (not verified: table 1 of the paper, from memory)',
    ]);
    expect(count('GQA', 'test', 4000)).toEqual([
      "note: F: 4000 entries, as many as the paper's slim test set",
    ]);
  });

  it('of data that says itself how much it is are held against that', () => {
    const nano = { trainPerTask: 5, testPerTask: 2 };
    expect(count('GQA', 'train', 5, { nano })).toEqual([]);
    expect(count('GQA', 'train', 4, { nano })).toEqual(['error: F: 4 entries, manifest.json says 5']);
    const prepared = (limit: number | 'all', leftOut = 0) => ({
      prepared: { form: 'official files', limit, files: [{ path: 'F', entries: 7, leftOut }] },
    });
    expect(count('GQA', 'test', 6, prepared('all'))).toEqual([
      'error: F: 6 entries, coin data prepare wrote 7',
    ]);
    expect(count('GQA', 'test', 7, prepared(7))).toEqual([
      "note: F: prepared with --limit 7: its count is not compared with CoIN's",
    ]);
    expect(count('GQA', 'test', 7, prepared('all', 2))).toEqual([
      'warning: F: 7 entries, expected 12578 (derived: committed question-type counts, testdev_balanced); 2 were left out by --missing skip',
    ]);
  });

  it('are looked at in a folder', async () => {
    const { findings } = await examineData({ folder: data.healthy('GQA') });
    expect(findings.filter(({ code }) => code === 'count').map(({ message }) => message)).toEqual([
      'Instructions_Original/GQA/train.json: 2 entries, expected 72140 (third party: per image; the paper and a follower)',
      'Instructions_Original/GQA/test.json: 3 entries, expected 12578 (derived: committed question-type counts, testdev_balanced)',
    ]);
  });
});

describe('coin data doctor', () => {
  const coin = (...parameters: readonly string[]) => {
    const { FORCE_COLOR: _, ...env } = process.env;
    return spawnSync(process.execPath, [commandLine, 'data', 'doctor', ...parameters], {
      cwd: root,
      encoding: 'utf8',
      env,
    });
  };

  it('prints a page, and says by its exit code whether there are errors', () => {
    const fine = coin('whole');
    expect(fine.status).toBe(0);
    expect(fine.stdout).toMatch(/^whole {2}type Original, up to 200 images of each file decoded\n/);
    expect(fine.stdout).toMatch(/\nVQAv2 {6}train +2 +3 +2 {2}single word 100 %\n {11}test +3 +3 +2 {2}/);
    expect(fine.stdout).toMatch(/\nno errors, \d+ warnings: a run can start\n$/);
    cpSync(whole, join(root, 'bad'), { recursive: true });
    appendFileSync(join(root, 'bad/Instructions_Original/GQA/train.json'), '!');
    const bad = coin('bad');
    expect(bad.status).toBe(1);
    expect(bad.stdout).toContain(
      '\nGQA\n  ✗ Instructions_Original/GQA/train.json:5:1: JSON syntax: expected the end of the file, found "!"\n',
    );
    expect(bad.stdout).toMatch(/\n1 error, \d+ warnings: not ready for a run\n$/);
  });

  it('prints JSON for scripts', async () => {
    const { status, stdout } = coin('whole', '--json', '--images', 'none');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ...(await examineData({ folder: whole, images: 'none' })),
      folder: 'whole',
    });
  });

  it.each([
    [[], /^expected FOLDER\n/],
    [['nowhere'], /^nowhere: no such folder\n$/],
    [['whole', '--images', 'some'], /^--images: expected sample, all, none; found "some"/],
    [['whole', '--base-images', 'nowhere.txt'], /^nowhere\.txt: no such file\n$/],
  ])('%j is a mistake', (parameters, message) => {
    const { status, stdout, stderr } = coin(...parameters);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
