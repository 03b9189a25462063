// Streaming gives what JSON.parse gives, whatever the size of the pieces, and the same complaints.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { buildIfStale, repository } from '../../../test/support/built.ts';
import { DataError, UserError } from '../../base/errors.ts';
import { readJson } from './json.ts';
import { type JsonStreamOptions, readJsonValue, streamJson, streamJsonLines } from './json-stream.ts';

const root = mkdtempSync(join(tmpdir(), 'json-stream-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const file = join(root, 'data.json');

function read(content: string | Uint8Array, options: JsonStreamOptions = {}) {
  writeFileSync(file, content);
  return [...streamJson(file, options)].map(({ row, key, value }) => ({ row, key, value }));
}

it('gives the elements of an array, the members of an object, and those of a named member', () => {
  expect(read('\uFEFF [1, "a,]}", {"b": [2]} ,null]\n')).toEqual([
    { row: 1, key: '', value: 1 },
    { row: 2, key: '', value: 'a,]}' },
    { row: 3, key: '', value: { b: [2] } },
    { row: 4, key: '', value: null },
  ]);
  expect(read('{"a": 1, "b\\"": {}}').map(({ key }) => key)).toEqual(['a', 'b"']);
  const nested = '{"info": {"questions": [0]}, "questions": [{"id": 7}, 8], "license": 1}';
  expect(read(nested, { member: 'questions' }).map(({ value }) => value)).toEqual([{ id: 7 }, 8]);
  expect(read('[]')).toEqual([]);
  expect(read('{}')).toEqual([]);
});

it('agrees with JSON.parse, whatever the size of the pieces', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(0, 1, '\t'),
      (value, chunkBytes, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const again = JSON.parse(text) as typeof value;
        const elements = read(text, { chunkBytes });
        expect(elements.map((element) => element.value)).toEqual(Object.values(again));
        if (!Array.isArray(again)) expect(elements.map(({ key }) => key)).toEqual(Object.keys(again));
      },
    ),
  );
});

it('complains wherever JSON.parse does, at the same place', () => {
  const place = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      const { line, column } = (error as DataError).issues[0]!;
      return `${line}:${column}`;
    }
    return 'fine';
  };
  const valid = '[{"a": [1, true]},\n "x\\n",\n {"b": null, "c": -1.5e3}]';
  fc.assert(
    fc.property(
      // The first bracket is kept: without it this reader wants one, whatever else is there.
      fc.integer({ min: 1, max: valid.length - 1 }),
      fc.constantFrom('', ',', '"', '}', ']', '{', ':', 'x', '\n', '\\'),
      fc.integer({ min: 1, max: 80 }),
      (at, replacement, chunkBytes) => {
        const text = valid.slice(0, at) + replacement + valid.slice(at + 1);
        const streamed = place(() => read(text, { chunkBytes }));
        expect(streamed).toBe(place(() => readJson(file)));
      },
    ),
    { numRuns: 500 },
  );
});

describe('what is wrong is said', () => {
  it.each([
    [
      '',
      'data.json:1:1: JSON syntax: expected [ or {, the file is empty or ends here\n  hint: the file ends',
    ],
    ['17', 'data.json:1:1: JSON syntax: expected [ or {, found "1"'],
    ['[1', 'data.json:1:3: JSON syntax: expected , or ], the file is empty or ends here'],
    ['[1] x', 'data.json:1:5: JSON syntax: expected the end of the file, found "x"'],
    ['[\n{"a": 1},\n{"b" 2}]', 'data.json:3:6: JSON syntax: expected :, found "2"'],
    ['version https://git-lfs.github.com/spec/v1', 'hint: this is a Git LFS pointer'],
    ['<html>', 'hint: this is a web page'],
  ])('%j', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('a missing file, a missing member, bytes that are not UTF-8', () => {
    const missing = join(root, 'none.json');
    expect(() => [...streamJson(missing, { hint: 'from there' })]).toThrow(
      new UserError({ message: 'no such file', file: missing, hint: 'from there' }),
    );
    expect(() => read('{"a": 1}', { member: 'b' })).toThrow('b: expected an array, found nothing');
    expect(() => read('{"a": 1}', { member: 'a' })).toThrow('a: expected an array or an object');
    expect(() => read(new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]))).toThrow(/:1:2: not UTF-8 text/);
    expect(() => [...streamJson(root)]).toThrow(/expected a file, found a folder/);
  });
});

it('knows where each element stands, to read it again', () => {
  writeFileSync(file, '\uFEFF[\n {"a": "é"}, "x\\"]" ,\n\n[1,\n2], 7]');
  for (const chunkBytes of [3, 5, 100]) {
    const found = [...streamJson(file, { chunkBytes })];
    expect(found.map(({ line }) => line)).toEqual([2, 2, 4, 5]);
    for (const { offset, length, value } of found) {
      expect(readJsonValue(file, offset, length)).toEqual(value);
    }
  }
});

describe('the lines of JSONL', () => {
  const lines = (text: string) => {
    writeFileSync(file, text);
    return [...streamJsonLines(file, { chunkBytes: 5 })];
  };

  it('are parsed one by one; blank ones are counted, a last one needs no end', () => {
    expect(lines('\uFEFF{"a":"é"}\r\n\n[1,\t2]\n3')).toEqual([
      { row: 1, value: { a: 'é' } },
      { row: 3, value: [1, 2] },
      { row: 4, value: 3 },
    ]);
    expect(lines('')).toEqual([]);
  });

  it('name the line that breaks, or the file that is not there', () => {
    expect(() => lines('1\n{"a": }\n')).toThrow(/data\.json:2:7: JSON syntax: expected value/);
    expect(() => lines('1\n{"a":')).toThrow(/hint: the file ends too early/);
    const missing = join(root, 'none.jsonl');
    expect(() => [...streamJsonLines(missing, { hint: 'fetch it' })]).toThrow(
      /no such file\n {2}hint: fetch it/,
    );
  });
});

it('reads 120 MB in a process that could not hold them', () => {
  buildIfStale();
  const large = join(root, 'large.json');
  const row = JSON.stringify({ id: 'x', conversations: 'y'.repeat(2400) });
  const block = Array.from({ length: 100 }, () => row).join(',\n');
  const descriptor = openSync(large, 'w');
  for (let index = 0; index < 500; index++) writeSync(descriptor, `${index === 0 ? '[' : ',\n'}${block}`);
  writeSync(descriptor, ']');
  closeSync(descriptor);
  const script = `
    const { streamJson } = await import(process.argv[1]);
    let count = 0;
    for (const { value } of streamJson(process.argv[2])) count += value.id.length;
    process.stdout.write(JSON.stringify({ count, kilobytes: process.resourceUsage().maxRSS }));`;
  const built = join(repository, 'dist', 'formats', 'records', 'json-stream.js');
  const settings = ['--max-old-space-size=48', '--input-type=module', '-e', script, built, large];
  const output = execFileSync(process.execPath, settings, { encoding: 'utf8' });
  const { count, kilobytes } = JSON.parse(output) as { count: number; kilobytes: number };
  expect(count).toBe(50_000);
  expect(kilobytes).toBeLessThan(200_000);
});

it('reads a file that is larger than what it keeps', () => {
  const row = { text: 'x'.repeat(1000) };
  writeFileSync(file, `{"data": [${Array.from({ length: 2000 }, () => JSON.stringify(row)).join(',\n')}]}`);
  let rows = 0;
  for (const { value } of streamJson(file, { member: 'data', chunkBytes: 4096 })) {
    expect(value).toEqual(row);
    rows++;
  }
  expect(rows).toBe(2000);
});
