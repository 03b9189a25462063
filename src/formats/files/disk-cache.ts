// A folder of values that can be computed again, each in a file named by what it was computed from. Bounded in size: what
// was used longest ago goes first. Any number of processes may share it. It never fails: what cannot be read, is cut
// short or does not match its checksum is not there, and when the disk refuses, nothing more is kept.
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { moveIntoPlace, temporaryBeside } from './files.ts';

/** A file: these bytes, the value's length as uint64, its SHA-256, the value. */
const MAGIC = Buffer.from('coincach');
const HEADER_BYTES = MAGIC.length + 8 + 32;
/** After a clean-up so much is in use, so that the next one is some time away. */
const KEPT_SHARE = 0.9;
/** A file that was being written so long ago belongs to a process that is gone. */
const STALE_MS = 3_600_000;
const NAME = /^[0-9a-f]{64}$/;

export interface DiskCacheOptions {
  readonly folder: string;
  /** How large all files together may be. */
  readonly maxBytes: number;
}

export interface DiskCacheUsage {
  readonly entries: number;
  readonly bytes: number;
}

interface StoredFile {
  readonly path: string;
  readonly stats: Stats;
}

export class DiskCache {
  readonly #options: DiskCacheOptions;
  /** An estimate, as others write too; unknown until the first write. */
  #bytes: number | undefined;
  #written = 0;
  #refused = false;

  constructor(options: DiskCacheOptions) {
    this.#options = options;
  }

  /** Bytes that this process put in. */
  get writtenBytes(): number {
    return this.#written;
  }

  /** The value of a key (64 hexadecimal digits), or undefined when it is not there in full. */
  get(key: string): Uint8Array | undefined {
    const path = this.#path(key);
    try {
      const file = readFileSync(path);
      const value = checkedValue(file);
      if (value === undefined) rmSync(path, { force: true });
      else touch(path);
      return value;
    } catch {
      return undefined;
    }
  }

  /** Keeps a value. It is there whole or not at all, whenever the process ends. */
  set(key: string, value: Uint8Array): void {
    const { maxBytes } = this.#options;
    const size = HEADER_BYTES + value.length;
    if (this.#refused || size > maxBytes) return;
    const path = this.#path(key);
    const aside = temporaryBeside(path);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(value.length));
    try {
      mkdirSync(join(path, '..'), { recursive: true });
      // Not synced to the disk: what a crash cuts short does not match its checksum.
      writeFileSync(aside, Buffer.concat([MAGIC, length, digest(value), value]));
      moveIntoPlace(aside, path);
      this.#written += size;
      this.#bytes = (this.#bytes ?? this.usage().bytes - size) + size;
      if (this.#bytes > maxBytes) this.#clean();
    } catch {
      this.#refused = true;
      quietly(() => rmSync(aside, { force: true }));
    }
  }

  usage(): DiskCacheUsage {
    const files = this.#files();
    return { entries: files.length, bytes: files.reduce((total, { stats }) => total + stats.size, 0) };
  }

  /** Removes all values; another process may add some meanwhile. */
  clear(): void {
    for (const { path } of this.#files({ removeStale: true })) rmSync(path, { force: true });
    this.#bytes = undefined;
  }

  /** Removes what was used longest ago until there is room again, and what processes that are gone left half written. */
  #clean(): void {
    const files = this.#files({ removeStale: true }).sort((a, b) => a.stats.mtimeMs - b.stats.mtimeMs);
    let bytes = files.reduce((total, { stats }) => total + stats.size, 0);
    for (const { path, stats } of files) {
      if (bytes <= KEPT_SHARE * this.#options.maxBytes) break;
      rmSync(path, { force: true });
      bytes -= stats.size;
    }
    this.#bytes = bytes;
  }

  #files({ removeStale = false } = {}): StoredFile[] {
    const { folder } = this.#options;
    return namesIn(folder).flatMap((shard) =>
      namesIn(join(folder, shard)).flatMap((name): StoredFile[] => {
        const path = join(folder, shard, name);
        const stats = statSync(path, { throwIfNoEntry: false });
        if (stats === undefined) return [];
        if (NAME.test(name)) return [{ path, stats }];
        if (removeStale && name.includes('.tmp-') && Date.now() - stats.mtimeMs > STALE_MS) {
          rmSync(path, { force: true });
        }
        return [];
      }),
    );
  }

  #path(key: string): string {
    if (!NAME.test(key)) throw new Error(`cache: expected a SHA-256 as key, found ${key}`);
    return join(this.#options.folder, key.slice(0, 2), key);
  }
}

function checkedValue(file: Buffer): Uint8Array | undefined {
  if (file.length < HEADER_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const length = file.readBigUInt64LE(MAGIC.length);
  if (BigInt(file.length - HEADER_BYTES) !== length) return undefined;
  // A copy, as whoever views it as numbers needs it aligned.
  const value = Uint8Array.from(file.subarray(HEADER_BYTES));
  return digest(value).equals(file.subarray(HEADER_BYTES - 32, HEADER_BYTES)) ? value : undefined;
}

function digest(value: Uint8Array): Buffer {
  return createHash('sha256').update(value).digest();
}

/** Marks a file as just used. */
function touch(path: string): void {
  const now = new Date();
  // A cache that may only be read is still read.
  quietly(() => utimesSync(path, now, now));
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {}
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
