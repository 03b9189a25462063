// Rows of Parquet files as plain values, a row group at a time. Decoding is hyparquet's; what a row means is the
// caller's schema.
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DataError } from '../../base/errors.ts';
import type { JsonRow } from './json.ts';

/**
 * Whole numbers come as numbers where they are exact, and bytes as Uint8Array; text is text.
 * @param columns the columns to read; others cost nothing.
 * @throws DataError naming the file when it is no Parquet file or a column is missing.
 */
export async function* readParquet(file: string, columns: readonly string[]): AsyncGenerator<JsonRow> {
  const { buffer, metadata } = await open(file);
  const known = parquetSchema(metadata).children.map(({ element }) => element.name);
  const missing = columns.find((column) => !known.includes(column));
  if (missing !== undefined) {
    throw new DataError({
      file,
      field: missing,
      message: `expected a column of this name, found ${known.join(', ')}`,
    });
  }
  let row = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = row + Number(group.num_rows);
    const options = { file: buffer, metadata, columns: [...columns], rowStart: row, rowEnd };
    const values = await decoding(file, () => parquetReadObjects({ ...options, compressors, utf8: false }));
    for (const value of values) yield { row: ++row, value: plain(value) };
  }
}

async function open(file: string) {
  return decoding(file, async () => {
    const buffer = await asyncBufferFromFile(file);
    const metadata: FileMetaData = await parquetMetadataAsync(buffer);
    checkSizes(metadata, buffer.byteLength);
    return { buffer, metadata };
  });
}

/** Values that a byte of a file may stand for: runs of equal values take few bytes, but no column is one run. */
const VALUES_A_BYTE = 1000;
/** What a chunk may be larger than the file that it is packed in. */
const MOST_PACKED = 1000;

/** Throws where a file says that it holds more than it can: the library would believe it, and take memory for it or for ever. */
function checkSizes({ row_groups: groups, num_rows: rows }: FileMetaData, fileBytes: number): void {
  const bounded = (what: string, value: bigint | number | undefined, most: number) => {
    if (value === undefined || (value >= 0 && value <= most)) return;
    throw new Error(`${what} of ${value} in a file of ${fileBytes} bytes`);
  };
  bounded('a number of rows', rows, VALUES_A_BYTE * fileBytes);
  for (const group of groups) {
    bounded('a number of rows', group.num_rows, VALUES_A_BYTE * fileBytes);
    for (const { meta_data: chunk } of group.columns) {
      if (chunk === undefined) continue;
      bounded('a number of values', chunk.num_values, VALUES_A_BYTE * fileBytes);
      bounded('a chunk', chunk.total_compressed_size, fileBytes);
      bounded('a chunk', chunk.total_uncompressed_size, MOST_PACKED * fileBytes);
      bounded('a page at byte', chunk.data_page_offset, fileBytes);
      bounded('a dictionary at byte', chunk.dictionary_page_offset, fileBytes);
    }
  }
}

async function decoding<T>(file: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError({ file, message: `cannot be read as Parquet: ${reason}` });
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
