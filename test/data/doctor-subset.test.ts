// The doctor on data that are wrong in several ways at once, and on data that are a part of CoIN's on purpose. Single defects
// are in doctor.test.ts.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examineData } from '../../src/data/doctor/doctor.ts';
import { editRows, only, SickData } from '../support/sick-data.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-doctor-subset-'));
const data = new SickData(root);

beforeAll(() => data.prepare(['TextVQA']));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** TextVQA's data as if CoIN had released them: with nothing that says how many were made. */
function released(name: string): string {
  const folder = join(root, name);
  cpSync(data.healthy('TextVQA'), folder, { recursive: true });
  rmSync(join(folder, '.preparation'), { recursive: true, force: true });
  return folder;
}

const unknownId = (folder: string) =>
  editRows(folder, 'TextVQA/val.json', (rows) => {
    rows[1]!.question_id = 'unknown';
  });

it('annotations are looked at whatever else is wrong', async () => {
  const folder = released('many defects');
  unknownId(folder);
  editRows(folder, 'TextVQA/train.json', (rows) => {
    rows[0]!.conversations = [];
  });
  editRows(folder, 'TextVQA/val.json', (rows) => {
    rows[0]!.answer = '';
  });
  const { findings } = await examineData({ folder });
  expect(findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual([
    'row-unusable',
    'row-unusable',
    'count',
    'annotation-unusable',
  ]);
});

it('a declared subset is ready, and otherwise checked like all data', async () => {
  const folder = released('subset');
  const undeclared = await examineData({ folder });
  expect(undeclared.errors).toBe(1);
  expect(undeclared.findings.find(({ severity }) => severity === 'error')).toMatchObject({
    code: 'count',
    hint: 'a part of the data on purpose: --subset',
  });
  const declared = await examineData({ folder, subset: true });
  expect([declared.subset, declared.errors, declared.warnings]).toEqual([true, 0, 0]);
  expect(declared.findings.map(({ severity, code }) => [severity, code])).toEqual([
    ['note', 'task-missing'],
    ['note', 'count'],
    ['note', 'count'],
  ]);
  unknownId(folder);
  expect((await examineData({ folder, subset: true })).errors).toBe(1);
});

it('JSON lines in place of an array', async () => {
  const unpack = (folder: string) => {
    const train = join(folder, 'Instructions_Original/TextVQA/train.json');
    const rows = JSON.parse(readFileSync(train, 'utf8')) as readonly unknown[];
    writeFileSync(train, rows.map((row) => JSON.stringify(row)).join('\n'));
  };
  expect(await data.findingsOf('TextVQA', unpack)).toEqual(
    only(
      'error',
      'file-unreadable',
      'Instructions_Original/TextVQA/train.json:1:1: JSON lines, an object a line: expected one JSON array of objects',
      'put them into one array, e.g. jq -s . FILE.jsonl > FILE.json',
    ),
  );
});
