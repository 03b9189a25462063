// The nano data set on disk: deterministic, read by the readers of the official data, training and test kept apart.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { tasks } from '../../tasks/index.ts';
import { buildNanoData, INSTRUCTION_LINES, type NanoManifest } from './build.ts';
import { NANO_TASKS } from './entries.ts';
import { UNANSWERABLE } from './entries-reading.ts';
import { loadWorld, pretrainingSample } from './pretraining.ts';

const counts = { trainPerTask: 50, testPerTask: 30 };
const root = mkdtempSync(join(tmpdir(), 'nano-data-'));
const folder = join(root, 'first');
const source = { root: folder, instructionType: 'Original' };

beforeAll(async () => {
  await buildNanoData({ folder, ...counts });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Content hashes by path. */
function contents(of: string): ReadonlyMap<string, string> {
  const files = readdirSync(of, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(of, join(entry.parentPath, entry.name))).sort();
  return new Map(paths.map((path) => [path, hash(readFileSync(join(of, path)))]));
}

function manifest(of: string): NanoManifest {
  return JSON.parse(readFileSync(join(of, 'manifest.json'), 'utf8')) as NanoManifest;
}

it('builds the same bytes again, and others for another seed', async () => {
  await buildNanoData({ folder: join(root, 'second'), ...counts });
  expect(contents(join(root, 'second'))).toEqual(contents(folder));
  const few = { trainPerTask: 2, testPerTask: 2 };
  const hashes: unknown[] = [];
  for (const seed of [0, 1]) {
    await buildNanoData({ folder: join(root, `seed ${seed}`), seed, ...few });
    hashes.push(manifest(join(root, `seed ${seed}`)).sha256);
  }
  expect(hashes[0]).not.toBe(hashes[1]);
  expect(manifest(folder)).toMatchObject({ complete: true, seed: 0, ...counts });
});

it('does nothing where the data is already there, and builds anew where it is unfinished or asked otherwise', async () => {
  const copy = join(root, 'copy');
  cpSync(folder, copy, { recursive: true });
  const written = statSync(join(copy, 'manifest.json')).mtimeMs;
  await buildNanoData({ folder: copy, ...counts });
  expect(statSync(join(copy, 'manifest.json')).mtimeMs).toBe(written);

  writeFileSync(join(copy, 'manifest.json'), JSON.stringify({ ...manifest(copy), complete: false }));
  rmSync(join(copy, 'cl_dataset', 'GQA'), { recursive: true });
  await buildNanoData({ folder: copy, ...counts });
  expect(contents(copy)).toEqual(contents(folder));

  await buildNanoData({ folder: copy, trainPerTask: 5, testPerTask: 5 });
  expect(tasks.GQA.loadTrain({ root: copy, instructionType: 'Original' })).toHaveLength(5);
  expect(readdirSync(join(copy, 'cl_dataset', 'GQA', 'images'))).toHaveLength(10);
});

it("leaves other people's data alone", async () => {
  const foreign = join(root, 'foreign');
  mkdirSync(join(foreign, 'cl_dataset'), { recursive: true });
  writeFileSync(join(foreign, 'cl_dataset', 'precious.png'), 'x');
  await expect(buildNanoData({ folder: foreign, ...counts })).rejects.toThrow(UserError);
  writeFileSync(join(foreign, 'manifest.json'), '{"name": "something else"}');
  await expect(buildNanoData({ folder: foreign, ...counts })).rejects.toThrow(/not the manifest/);
  expect(existsSync(join(foreign, 'cl_dataset', 'precious.png'))).toBe(true);
  await expect(buildNanoData({ folder: join(root, 'none'), testPerTask: 0 })).rejects.toThrow(/testPerTask/);
});

describe.each(NANO_TASKS)('%s', (name) => {
  const task = tasks[name];

  it('is read by the reader of the official data, and its own answers are right in both modes', () => {
    const train = task.loadTrain(source);
    const test = task.loadTest(source);
    expect([train.length, test.length]).toEqual([counts.trainPerTask, counts.testPerTask]);
    const grouped = ['GQA', 'Grounding', 'VQAv2', 'OCRVQA'].includes(name);
    expect(train.every(({ turns }) => turns.length >= (grouped ? 2 : 1))).toBe(true);
    const predictions = test.map(({ id, text, answer }) => ({ question_id: id, prompt: text, text: answer }));
    expect(task.score('strict', test, predictions).accuracy).toBe(100);
    // The reference drops a digit of every bracketed box, which can matter in small ones.
    expect(task.score('reference', test, predictions).accuracy).toBeGreaterThan(
      name === 'Grounding' ? 90 : 99.9,
    );
    const wrong = test.map(({ id, text }) => ({ question_id: id, prompt: text, text: 'zzz' }));
    expect(task.score('strict', test, wrong).accuracy).toBe(0);
    const [line = ''] = INSTRUCTION_LINES.filter((instruction) => test[0]?.text.includes(instruction));
    expect(line).not.toBe('');
    for (const { text } of test) expect(text).toContain(line);
    for (const { turns } of train) expect(turns.every(({ question }) => question.includes(line))).toBe(true);
  });

  it('shows no test picture and asks no test question in training', () => {
    const train = task.loadTrain(source);
    const test = task.loadTest(source);
    const images = new Set(
      train.flatMap(({ image }) => (image === undefined ? [] : [hash(readFileSync(image))])),
    );
    const asked = (text: string) =>
      text
        .split('\n')
        .map((line) => line.replace(/^[A-D]\. /, ''))
        .sort()
        .join('\n');
    const questions = new Set(
      train.flatMap(({ image, turns }) =>
        image === undefined ? turns.map(({ question }) => asked(question)) : [],
      ),
    );
    for (const { image, text } of test) {
      if (image === undefined) expect(questions.has(asked(text)), text).toBe(false);
      else expect(images.has(hash(readFileSync(image))), image).toBe(false);
    }
    const tested = test.map(({ image, text }) => `${image} ${text}`);
    expect(new Set(tested).size).toBe(tested.length);
  });
});

it('has the shares that the tasks ask for', () => {
  const science = tasks.ScienceQA.loadTest(source);
  const textOnly = science.filter(({ image }) => image === undefined).length / science.length;
  expect(textOnly).toBeCloseTo(0.4, 1);
  const vizwiz = tasks.VizWiz.loadTest(source);
  const unanswerable = vizwiz.filter(({ answer }) => answer === UNANSWERABLE).length / vizwiz.length;
  expect(unanswerable).toBeGreaterThanOrEqual(0.25);
  expect(unanswerable).toBeLessThanOrEqual(0.35);
  for (const { answer } of tasks.GQA.loadTest(source)) expect(answer).toBe(answer.toLowerCase());
  for (const { answer } of tasks.Grounding.loadTest(source)) {
    expect(answer).toMatch(/^\[[01]\.\d\d, [01]\.\d\d, [01]\.\d\d, [01]\.\d\d\]$/);
  }
});

it('keeps pretraining away from every picture of the data', async () => {
  const world = await loadWorld();
  const images = new Set<string>();
  for (const name of NANO_TASKS) {
    for (const { image } of [...tasks[name].loadTest(source), ...tasks[name].loadTrain(source)]) {
      if (image === undefined) continue;
      const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true });
      expect([info.width, info.height, info.channels]).toEqual([96, 96, 3]);
      images.add(hash(data));
    }
  }
  expect(images.size).toBeGreaterThan(500);
  for (let index = 0; index < 1500; index++) {
    const { pixels } = pretrainingSample(world, { seed: 0, index });
    if (pixels !== undefined) expect(images.has(hash(pixels))).toBe(false);
  }
});
