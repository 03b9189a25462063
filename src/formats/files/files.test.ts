// Whole files or none, on a real disk.
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildIfStale, repository } from '../../../test/support/built.ts';
import { UserError } from '../../base/errors.ts';
import { appendLineSynced, removeTemporaryFiles, sha256, sha256OfFile, writeFileAtomic } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coin-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeFileAtomic', () => {
  it('makes missing folders, replaces what was there and leaves nothing else', () => {
    const file = join(folder, 'a', 'b', 'c.txt');
    writeFileAtomic(file, 'first');
    writeFileAtomic(file, new Uint8Array([50, 110, 100]));
    expect(readFileSync(file, 'utf8')).toBe('2nd');
    expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['c.txt']);
  });

  it('names the file when the place cannot be written, and leaves no temporary file', () => {
    writeFileAtomic(join(folder, 'file'), 'x');
    expect(() => writeFileAtomic(join(folder, 'file', 'below'), 'x')).toThrow(UserError);
    expect(() => writeFileAtomic(join(folder, 'file', 'below'), 'x')).toThrow(
      /file.below: cannot be written/,
    );
    expect(() => writeFileAtomic(folder, 'x')).toThrow(/found a folder/);
    expect(readdirSync(folder)).toEqual(['file']);
    expect(readdirSync(join(folder, '..')).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});

describe('appendLineSynced', () => {
  it('appends whole lines', () => {
    const file = join(folder, 'new', 'lines.jsonl');
    appendLineSynced(file, '1');
    appendLineSynced(file, '2');
    expect(readFileSync(file, 'utf8')).toBe('1\n2\n');
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full and what to do', () => {
    expect(() => appendLineSynced('/dev/full', 'x')).toThrow(
      /\/dev\/full: cannot be written: the disk is full/,
    );
    expect(() => appendLineSynced('/dev/full', 'x')).toThrow(/hint: free some space/);
  });
});

describe('sha256OfFile', () => {
  it('agrees with the hash of the bytes over several chunks', () => {
    const bytes = new Uint8Array(2_500_000).map((_, index) => index * 7);
    writeFileSync(join(folder, 'big'), bytes);
    expect(sha256OfFile(join(folder, 'big'))).toBe(sha256(bytes));
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('removeTemporaryFiles', () => {
  it('removes what a killed writer left, at any depth, and nothing else', () => {
    writeFileAtomic(join(folder, 'deep', 'kept.tmp'), '');
    writeFileSync(join(folder, 'deep', 'kept.json.tmp-123-0'), '');
    removeTemporaryFiles(folder);
    expect(readdirSync(join(folder, 'deep'))).toEqual(['kept.tmp']);
  });
});

it('gives what is not complete yet a name that no other thread gives', async () => {
  buildIfStale();
  const module = JSON.stringify(join(repository, 'dist', 'formats', 'files', 'files.js'));
  const script = `import(${module}).then(({ temporaryBeside }) => require('node:worker_threads').parentPort.postMessage([temporaryBeside('f'), temporaryBeside('f')]))`;
  const names = await Promise.all(
    [0, 1].map(async () => {
      const [made] = await once(new Worker(script, { eval: true }), 'message');
      return made as string[];
    }),
  );
  expect(new Set(names.flat()).size).toBe(4);
  for (const name of names.flat()) expect(name).toMatch(/^f\.tmp-\d+-\d+$/);
});
