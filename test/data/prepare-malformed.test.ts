// Raw files that are damaged or say something else than they should: one clear error that names file and row, and
// nothing half-written.
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, UserError } from '../../src/base/errors.ts';
import { prepareTask } from '../../src/data/preparation/prepare.ts';
import { listFiles } from '../../src/formats/files/files.ts';
import { type CoinTask, coinTasks } from '../../src/tasks/index.ts';
import { writeDownload } from '../support/files/raw-downloads.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-malformed-'));
const raw = (task: string) => join(root, 'raw', task);
beforeAll(async () => {
  for (const task of coinTasks) await writeDownload(task, raw(task));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Files with text or references in them. */
const filesOf = (task: CoinTask) => listFiles(raw(task)).filter((path) => /\.(json|p|txt)$/.test(path));
let runs = 0;

/** The error of preparing a task after one of its raw files was changed; undefined when there is none. */
async function prepareWith(
  task: CoinTask,
  path: string,
  change: (content: Buffer) => string | Uint8Array,
): Promise<UserError | undefined> {
  const [from, to] = [join(root, `from ${++runs}`), join(root, `to ${runs}`)];
  cpSync(raw(task), from, { recursive: true });
  writeFileSync(join(from, path), change(readFileSync(join(from, path))));
  const error = await prepareTask({ task, from, to }).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  for (const file of listFiles(to)) {
    expect(file).not.toMatch(/\.part$/);
    if (file.startsWith('Instructions'))
      expect(() => JSON.parse(readFileSync(join(to, file), 'utf8'))).not.toThrow();
  }
  rmSync(from, { recursive: true });
  rmSync(to, { recursive: true, force: true });
  if (error === undefined) return undefined;
  // A crash of ours would be another class.
  expect(error, String((error as Error).stack)).toBeInstanceOf(UserError);
  expect((error as UserError).issues).toHaveLength(1);
  return error as UserError;
}

/** Replaces the value at a place of a JSON tree, places counted over all values in order. */
function replaceValue(value: unknown, place: { left: number }, replacement: unknown): unknown {
  if (place.left-- === 0) return replacement;
  if (Array.isArray(value)) return value.map((inner) => replaceValue(inner, place, replacement));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, replaceValue(inner, place, replacement)]),
  );
}

describe.each(coinTasks)('%s', (task) => {
  it('cut off anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(20), fc.double({ min: 0, max: 0.98, noNaN: true }), async (which, share) => {
        const files = filesOf(task);
        const path = files[which % files.length]!;
        const error = await prepareWith(task, path, (content) =>
          content.subarray(0, Math.floor(content.length * share)),
        );
        // What comes behind the boxes and images of instances.json is not read.
        if (error === undefined) expect(path).toMatch(/instances\.json|\.txt$/);
        else if (path.endsWith('.json')) expect(error.issues[0]?.file).toBe(join(root, `from ${runs}`, path));
      }),
      { numRuns: 6 },
    );
  });

  it('another value anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(20),
        fc.nat(200),
        fc.constantFrom(null, -1, 1.5, '', 'x', [], {}, true),
        async (which, place, replacement) => {
          const files = filesOf(task).filter((path) => path.endsWith('.json'));
          if (files.length === 0) return;
          const path = files[which % files.length]!;
          const error = await prepareWith(task, path, (content) =>
            JSON.stringify(replaceValue(JSON.parse(content.toString()), { left: place }, replacement)),
          );
          if (!(error instanceof DataError)) return;
          const [issue] = error.issues;
          expect(issue?.file).toBeDefined();
          expect(issue?.message).toMatch(/expected|not in|no annotation|occurs|found/);
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe('says what is wrong', () => {
  const json = (change: (value: never) => void) => (content: Buffer) => {
    const value = JSON.parse(content.toString()) as never;
    change(value);
    return JSON.stringify(value);
  };
  it.each<[CoinTask, string, (content: Buffer) => string | Uint8Array, string]>([
    [
      'TextVQA',
      'TextVQA_0.5.1_train.json',
      json((file: { data: { answers: string[] }[] }) => file.data[1]!.answers.pop()),
      'TextVQA_0.5.1_train.json:2: answers: expected 10 answers, found an array of 9 (row 2)',
    ],
    [
      'ScienceQA',
      'problems.json',
      json((file: Record<string, { answer: number }>) => {
        file['2']!.answer = 3;
      }),
      'problems.json:2: answer: expected the index of one of 3 choices',
    ],
    [
      'ScienceQA',
      'pid_splits.json',
      json((file: { test: string[] }) => file.test.push('77')),
      'pid_splits.json: test[2]: "77" is not in ',
    ],
    [
      'VQAv2',
      'v2_mscoco_train2014_annotations.json',
      json((file: { annotations: unknown[] }) => file.annotations.shift()),
      'v2_OpenEnded_mscoco_train2014_questions.json:1: question_id: 458752000 has no annotation in ',
    ],
    [
      'Grounding',
      'refcoco+/instances.json',
      json((file: { annotations: unknown[] }) => file.annotations.shift()),
      'refcoco+/refs(unc).json:1: ann_id: 1700 is not in ',
    ],
    [
      'OCRVQA',
      'dataset.json',
      json((file: Record<string, { answers: string[] }>) => file['0471000000']!.answers.pop()),
      'dataset.json:4: answers: expected 2 answers, one per question, found 1',
    ],
    ['GQA', 'train_balanced_questions.json', () => '<!doctype html>', 'hint: this is a web page'],
    [
      'ImageNet',
      'classes.txt',
      () => 'n01440764\ntench\n',
      'classes.txt:2: expected a WordNet id and a name',
    ],
    ['ImageNet', 'classes.txt', () => 'n00000001 unicorn\n', 'n00000001: the class is on the list, but'],
    [
      'ImageNet',
      'classes.txt',
      () => 'n01440764\nn01440764\n',
      'classes.txt:2: the class n01440764 occurs twice',
    ],
    ['ImageNet', 'LOC_synset_mapping.txt', () => '', 'classes.txt:2: the class n01440764 has no name'],
  ])('%s %s', async (task, path, change, message) => {
    const error = await prepareWith(task, path, change);
    expect(error?.message).toContain(message);
  });

  it("Kaggle's validation images, in one folder: what is expected, and where their classes stand", async () => {
    const from = join(root, 'flat');
    cpSync(raw('ImageNet'), from, { recursive: true });
    for (const id of ['n01440764', 'n01443537']) {
      const folder = join(from, 'val', id);
      for (const name of readdirSync(folder)) renameSync(join(folder, name), join(from, 'val', name));
      rmSync(folder, { recursive: true });
    }
    await expect(prepareTask({ task: 'ImageNet', from, to: join(root, 'flat to') })).rejects.toThrow(
      /val: expected a folder per class, found 2 images in no class, e\.g\. ILSVRC2012_val_00000764\.JPEG\n.*LOC_val_solution\.csv/,
    );
  });

  it('nothing was left of the test', () => {
    expect(existsSync(join(root, 'to 1'))).toBe(false);
  });
});
