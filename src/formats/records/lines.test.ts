// Lines that grow: a cut-off last line is passed over and removed, and what is appended together is one write.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forEachLine, LineLog } from './lines.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coin-lines-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(file: string) {
  const lines: string[] = [];
  return { wholeBytes: forEachLine(file, (line) => lines.push(line)), lines };
}

it('reads whole lines across pieces, wherever a character is cut', () => {
  const file = join(folder, 'long.jsonl');
  const lines = Array.from({ length: 30_000 }, (_, index) => `${'ü€😀'.repeat(index % 20)}${index}`);
  const text = `${lines.join('\n')}\n`;
  writeFileSync(file, `${text}cut off`);
  expect(read(file)).toEqual({ wholeBytes: Buffer.byteLength(text), lines });
  expect(read(join(folder, 'none'))).toEqual({ wholeBytes: 0, lines: [] });
});

it('appends after the last whole line', async () => {
  const file = join(folder, 'log.jsonl');
  writeFileSync(file, 'one\ntw');
  const log = new LineLog(file, read(file).wholeBytes);
  await Promise.all(['two', 'three'].map((line) => log.append(line)));
  await log.append('four');
  log.close();
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\nthree\nfour\n');
});

it('says which file cannot be written', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => new LineLog(join(folder, 'file', 'log'), 0)).toThrow(/file/);
});
