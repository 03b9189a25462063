import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskCache } from './disk-cache.ts';
import { sha256 } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coin-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const keyOf = (name: string) => sha256(name);
const contentOf = (name: string, length = 100) => Uint8Array.from({ length }, (_, i) => i + name.length);
const fileOf = (name: string) => join(folder, keyOf(name).slice(0, 2), keyOf(name));
const openCache = (maxBytes = 1e6) => new DiskCache({ folder, maxBytes });
/** As if it had been used so many hours ago. */
function age(name: string, hours: number): void {
  const then = new Date(Date.now() - hours * 3_600_000);
  utimesSync(fileOf(name), then, then);
}

describe('a cache on disk', () => {
  it('gives back what was put in, to every process', () => {
    openCache().set(keyOf('a'), contentOf('a'));
    expect(openCache().get(keyOf('a'))).toEqual(contentOf('a'));
    expect(openCache().get(keyOf('b'))).toBeUndefined();
    expect(openCache().usage()).toEqual({ entries: 1, bytes: 148 });
    expect(() => openCache().get('../a')).toThrow('expected a SHA-256');
  });

  it.each([
    ['cut short', (file: string) => truncateSync(file, 100)],
    ['empty', (file: string) => truncateSync(file, 0)],
    ['zeroed by a crash', (file: string) => writeFileSync(file, Buffer.alloc(148))],
    [
      'changed in one bit',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[120] = (bytes[120] as number) ^ 1;
        writeFileSync(file, bytes);
      },
    ],
    ['longer', (file: string) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.of(0)]))],
  ])('does not give back a value that is %s, and takes it anew', (_, damage) => {
    const cache = openCache();
    cache.set(keyOf('a'), contentOf('a'));
    damage(fileOf('a'));
    expect(cache.get(keyOf('a'))).toBeUndefined();
    expect(cache.usage().entries).toBe(0);
    cache.set(keyOf('a'), contentOf('a'));
    expect(cache.get(keyOf('a'))).toEqual(contentOf('a'));
  });

  it('lets go of what was used longest ago, reading included, whoever wrote it', () => {
    const other = openCache(1000);
    for (const [i, name] of ['a', 'b', 'c', 'd', 'e', 'f'].entries()) {
      other.set(keyOf(name), contentOf(name));
      age(name, 10 - i);
    }
    const cache = openCache(1000);
    expect(cache.get(keyOf('a'))).toEqual(contentOf('a'));
    cache.set(keyOf('g'), contentOf('g'));
    const left = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].filter(
      (name) => openCache().get(keyOf(name)) !== undefined,
    );
    expect(left).toEqual(['a', 'c', 'd', 'e', 'f', 'g']);
    expect(openCache().usage().bytes).toBeLessThanOrEqual(900);
  });

  it('does not keep what is larger than all of it', () => {
    const cache = openCache(200);
    cache.set(keyOf('a'), contentOf('a', 500));
    expect(cache.get(keyOf('a'))).toBeUndefined();
    expect(cache.usage().entries).toBe(0);
  });

  it('removes what a process that is gone left half written, not what another is writing', () => {
    const cache = openCache(400);
    cache.set(keyOf('a'), contentOf('a'));
    const shard = join(folder, keyOf('a').slice(0, 2));
    for (const [name, hours] of [['old.tmp-1', 5] as const, ['new.tmp-2', 0] as const]) {
      writeFileSync(join(shard, name), 'half');
      const then = new Date(Date.now() - hours * 3_600_000);
      utimesSync(join(shard, name), then, then);
    }
    for (const name of ['b', 'c']) cache.set(keyOf(name), contentOf(name));
    expect(readdirSync(shard).filter((name) => name.includes('tmp'))).toEqual(['new.tmp-2']);
  });

  it('is emptied', () => {
    openCache().set(keyOf('a'), contentOf('a'));
    openCache().clear();
    expect(openCache().usage()).toEqual({ entries: 0, bytes: 0 });
  });

  it('goes without when the folder cannot be written', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const cache = new DiskCache({ folder: join(file, 'below'), maxBytes: 1e6 });
    cache.set(keyOf('a'), contentOf('a'));
    expect(cache.get(keyOf('a'))).toBeUndefined();
    expect(cache.writtenBytes).toBe(0);
    expect(statSync(file).size).toBe(0);
  });
});
