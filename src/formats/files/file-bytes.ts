// Byte ranges of files, read in full or refused. Knows nothing of what the bytes mean.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../base/errors.ts';

/** A single read may not exceed 2 GiB on every platform. */
const MAX_READ_BYTES = 1 << 30;

/** Something that is read by ranges: a file, or bytes in memory that stand for one. */
export interface ByteSource {
  readonly path: string;
  readonly size: number;
  /**
   * `length` bytes from `offset`, in a buffer of their own.
   * @throws DataError (naming `field` where given) when the source ends before.
   */
  read(offset: number, length: number, field?: string): ArrayBuffer;
}

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

/** Opens a file as a source of ranges for as long as `use` runs; `expected` says in errors what it should be. */
export function withByteSource<T>(path: string, expected: string, use: (source: ByteSource) => T): T {
  return withOpenFile(path, (descriptor) => {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new DataError({ file: path, message: `expected ${expected}` });
    const { size } = stats;
    const read: ByteSource['read'] = (offset, length, field) => {
      requireWithin({ path, size }, offset, length, field);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const count = readSync(
          descriptor,
          bytes,
          done,
          Math.min(length - done, MAX_READ_BYTES),
          offset + done,
        );
        if (count === 0) throw truncated(path, offset + length, offset + done, field);
        done += count;
      }
      return bytes.buffer;
    };
    return use({ path, size, read });
  });
}

/** Bytes in memory as a source; `path` is what errors call it. */
export function memorySource(path: string, bytes: Uint8Array): ByteSource {
  const { length: size } = bytes;
  return {
    path,
    size,
    read: (offset, length, field) => {
      requireWithin({ path, size }, offset, length, field);
      return Uint8Array.from(bytes.subarray(offset, offset + length)).buffer;
    },
  };
}

/** Before anything is allocated: a damaged length must not ask for memory. */
function requireWithin(
  { path, size }: Pick<ByteSource, 'path' | 'size'>,
  offset: number,
  length: number,
  field?: string,
): void {
  if (offset + length > size) throw truncated(path, offset + length, size, field);
}

function truncated(path: string, end: number, size: number, field?: string): DataError {
  return new DataError({
    file: path,
    field,
    message: `truncated: bytes up to ${end} are needed, the file ends at byte ${size}`,
  });
}
