// Rows of Parquet files as plain values, a row group at a time. Decoding is hyparquet's; what a row means is the
// caller's schema.
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
} from 'hyparquet';
import { getTreePath } from 'hyparquet/src/schema.js';
import { compressors } from 'hyparquet-compressors';
import { DataError } from '../../base/errors.ts';
import type { JsonRow } from './json.ts';
import { checkPages } from './parquet-pages.ts';

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
    await decoding(file, () => checkGroup(buffer, metadata, group, columns));
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

/** Throws where the pages of the group's columns claim what cannot be; holds one column at a time. */
async function checkGroup(
  buffer: AsyncBuffer,
  metadata: FileMetaData,
  group: RowGroup,
  columns: readonly string[],
): Promise<void> {
  const schema = parquetSchema(metadata);
  for (const { meta_data: column } of group.columns) {
    if (column === undefined || !columns.includes(column.path_in_schema[0] ?? '')) continue;
    const start = Number(column.dictionary_page_offset || column.data_page_offset);
    const bytes = new Uint8Array(await buffer.slice(start, start + Number(column.total_compressed_size)));
    const path = getTreePath(schema, column.path_in_schema);
    checkPages({ bytes, column, path, rows: Number(group.num_rows), compressors });
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
