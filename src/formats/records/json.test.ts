import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DataError, UserError } from '../../base/errors.ts';
import { checkRow, parseJson, parseJsonLines, readJson, readJsonArray, readRows } from './json.ts';
import { DEEPEST_JSON, findJsonSyntaxError } from './json-syntax.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coin-json-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(content: string | Uint8Array): string {
  const file = join(folder, 'rows.json');
  writeFileSync(file, content);
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

describe('the place of a syntax error', () => {
  it.each([
    ['', '1:1', 'expected value'],
    ['[1, 2', '1:6', 'ends here with 1 bracket open'],
    ['[\n  {"a": 1},\n  {"b" 2}\n]', '3:8', 'expected :, found "2"'],
    ['[1,]', '1:4', 'expected value, found "]"'],
    ['{"a": 1,}', '1:9', 'expected name, found "}"'],
    ['[01]', '1:2', 'expected value or ]'],
    ['[1] x', '1:5', 'expected the end of the file, found "x"'],
    ['["a\nb"]', '1:4', 'unfinished string'],
    ['["a\\x"]', '1:4', 'bad escape'],
    ['{"text": "cut of', '1:17', 'unfinished string'],
    ['["cut in an escape \\u00', '1:24', 'unfinished string'],
    ['[tru', '1:2', 'found "t"'],
    ["{'a': 1}", '1:2', 'expected name or }'],
    ['[1}', '1:3', 'expected , or ]'],
  ])('%j breaks at %s', (text, place, message) => {
    const found = messageOf(() => parseJson(text, 'x.json'));
    expect(found).toContain(`x.json:${place}: JSON syntax: `);
    expect(found).toContain(message);
  });

  it('finds nothing in JSON, and something whenever JSON.parse does', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', '"', ',', ']', '{', '\\', '0', 'x'),
        (json, at, junk) => {
          expect(findJsonSyntaxError(json)).toBeUndefined();
          const cut = at % (json.length + 1);
          const broken = json.slice(0, cut) + junk;
          let valid = true;
          try {
            JSON.parse(broken);
          } catch {
            valid = false;
          }
          expect(findJsonSyntaxError(broken) === undefined).toBe(valid);
        },
      ),
      { numRuns: 2000, seed: 2 },
    );
  });

  it('does not recurse into deep nesting, which no file of ours has', () => {
    const open = '['.repeat(200_000);
    for (const text of [open, open + ']'.repeat(200_000)]) {
      expect(findJsonSyntaxError(text)).toMatchObject({
        message: `JSON syntax: brackets nested deeper than ${DEEPEST_JSON}`,
        column: DEEPEST_JSON + 2,
      });
      expect(() => parseJson(text, 'deep.json')).toThrow(
        'deep.json:1:202: JSON syntax: brackets nested deeper',
      );
    }
    expect(parseJson(`["${open}"]`, 'text.json')).toEqual([open]);
  });
});

describe('JSON files', () => {
  it('reads past a byte-order mark', () => {
    expect(readJson(fileWith('\uFEFF[1]'))).toEqual([1]);
    expect(parseJsonLines('\uFEFF{"a":1}\n', 'x.jsonl')).toEqual([{ row: 1, value: { a: 1 } }]);
  });

  it('says what is wrong with the file as a whole', () => {
    expect(messageOf(() => readJson(join(folder, 'absent.json'), { hint: 'from there' }))).toBe(
      `${join(folder, 'absent.json')}: no such file\n  hint: from there`,
    );
    expect(messageOf(() => readJson(folder))).toContain('expected a file, found a folder');
    expect(messageOf(() => readJson(fileWith(Uint8Array.of(0x5b, 0xff, 0x5d))))).toContain('not UTF-8 text');
    expect(messageOf(() => readJsonArray(fileWith('{"data": []}')))).toContain(
      'expected one JSON array, found an object',
    );
    expect(messageOf(() => readJson(fileWith('version https://git-lfs.github.com/spec/v1')))).toContain(
      'Git LFS pointer',
    );
    expect(messageOf(() => readJson(fileWith('<!DOCTYPE html>')))).toContain('web page');
    expect(messageOf(() => readJson(fileWith('[{"a": 1')))).toContain('the file ends too early');
  });

  it('names file, row and field of a bad row', () => {
    const schema = z.object({ turns: z.array(z.object({ value: z.string() })) });
    const file = fileWith('[{"turns": []}, {"turns": [{"value": 3}]}]');
    const error = (() => {
      try {
        return readRows(file, schema);
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).issues).toEqual([
      {
        message: 'expected string, found number 3 (row 2)',
        file,
        line: 2,
        field: 'turns[0].value',
        hint: undefined,
      },
    ]);
    expect(readRows(fileWith('[{"turns": [{"value": "x"}]}]'), schema)).toEqual([
      { turns: [{ value: 'x' }] },
    ]);
  });

  it('says that a field is not there', () => {
    const place = { file: 'x.json', row: 4 };
    expect(messageOf(() => checkRow(z.object({ answer: z.string() }), {}, place))).toBe(
      'x.json:4: answer: expected string, found nothing (row 4)',
    );
    expect(messageOf(() => checkRow(z.object({}), null, place))).toBe(
      'x.json:4: expected object, found null (row 4)',
    );
  });
});

describe('JSONL files', () => {
  it('numbers rows by line and passes over blank lines', () => {
    expect(parseJsonLines('1\r\n\n[2]\n', 'x.jsonl')).toEqual([
      { row: 1, value: 1 },
      { row: 3, value: [2] },
    ]);
  });

  it('points at the line and column of an error, also in a truncated last line', () => {
    expect(messageOf(() => parseJsonLines('{"a":1}\n{"a":2}\n{"a', 'x.jsonl'))).toContain('x.jsonl:3:4: ');
    expect(messageOf(() => parseJsonLines('{"a":1} {"a":2}\n', 'x.jsonl'))).toContain('x.jsonl:1:9: ');
  });
});
