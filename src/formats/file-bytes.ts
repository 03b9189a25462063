// Byte ranges of files, read in full or refused. Knows nothing of what the bytes mean.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../errors.ts';

/** A single read may not exceed 2 GiB on every platform. */
const MAX_READ_BYTES = 1 << 30;

/** Opens a file for reading, gives it to `use` and closes it. Throws DataError when it cannot be opened. */
export function withOpenFile<T>(path: string, use: (descriptor: number) => T): T {
  const descriptor = openForReading(path);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The file in pieces of at most `chunkBytes`, read as they are asked for. Throws DataError when it cannot be opened. */
export function* readChunks(path: string, chunkBytes: number): Generator<Uint8Array, void> {
  const descriptor = openForReading(path);
  try {
    if (fstatSync(descriptor).isDirectory()) {
      throw new DataError({ file: path, message: 'expected a file, found a folder' });
    }
    for (;;) {
      const chunk = new Uint8Array(chunkBytes);
      const count = readSync(descriptor, chunk, 0, chunkBytes, null);
      if (count === 0) return;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(descriptor);
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message = code === 'ENOENT' || code === 'ENOTDIR' ? 'no such file' : `cannot be opened (${code})`;
    throw new DataError({ file: path, message });
  }
}

/** `length` bytes from `offset`. Throws DataError (naming `field` where given) when the file ends before. */
export function readByteRange(
  descriptor: number,
  { path, offset, length, field }: { path: string; offset: number; length: number; field?: string },
): ArrayBuffer {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, bytes, done, Math.min(length - done, MAX_READ_BYTES), offset + done);
    if (count === 0) {
      const message = `truncated: the file ends at byte ${offset + done}, ${offset + length} are needed`;
      throw new DataError({ file: path, field, message });
    }
    done += count;
  }
  return bytes.buffer;
}
