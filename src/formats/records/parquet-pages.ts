// Goes over the pages of a Parquet column before the library decodes them: what they claim must fit what their column and
// its row group hold. The library believes a page, and would take memory for its claims or count for ever. Values are not
// decoded here; those whose sizes are read from their own bytes end with the bytes.
import type { ColumnMetaData, Compressors, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, isFlatColumn } from 'hyparquet/src/schema.js';

export interface ColumnPages {
  /** The column's bytes: all of its pages, one behind the other. */
  readonly bytes: Uint8Array;
  readonly column: ColumnMetaData;
  /** From the root of the schema to the column. */
  readonly path: readonly SchemaTree[];
  /** Of the row group. */
  readonly rows: number;
  readonly compressors: Compressors;
}

/** Writers fill the last run of bits up to whole bytes; some write whole blocks. */
const PADDING = 1024;
/** What a page may hold beyond the sum that the column states: writers do not all count headers. */
const SLACK_BYTES = 1 << 20;

interface Levels {
  readonly repetition: number;
  readonly definition: number;
}

/** @throws Error naming the claim that cannot be. */
export function checkPages({ bytes, column, path, rows, compressors }: ColumnPages): void {
  const values = Number(column.num_values);
  const tree = [...path];
  const isFlat = isFlatColumn(tree);
  if (isFlat ? values !== rows : values < rows) {
    throw new Error(`${values} values of a column in a group of ${rows} rows`);
  }
  const levels = { repetition: getMaxRepetitionLevel(tree), definition: getMaxDefinitionLevel(tree) };
  const most = 2 * Number(column.total_uncompressed_size) + SLACK_BYTES;
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  let seen = 0;
  while (seen < values && reader.offset < bytes.length - 1) {
    const header = parquetHeader(reader);
    const { compressed_page_size: packedBytes, uncompressed_page_size: pageBytes } = header;
    within('a page', packedBytes, bytes.length - reader.offset);
    within('a page unpacked', pageBytes, most);
    const packed = bytes.subarray(reader.offset, reader.offset + packedBytes);
    reader.offset += packedBytes;
    const unpacked = (from: number) =>
      decompressPage(packed.subarray(from), pageBytes - from, column.codec, compressors);
    seen += checkPage(header, { packed, unpacked, column, levels, most: values - seen });
  }
  if (seen !== values) throw new Error(`pages of ${seen} values in a column of ${values}`);
}

interface PageContext {
  readonly packed: Uint8Array;
  /** The page's bytes from a place on, unpacked. */
  readonly unpacked: (from: number) => Uint8Array;
  readonly column: ColumnMetaData;
  readonly levels: Levels;
  /** Values that the column still lacks. */
  readonly most: number;
}

/** How many of the column's values the page holds; none for a dictionary. */
function checkPage(header: PageHeader, { packed, unpacked, column, levels, most }: PageContext): number {
  const { data_page_header: first, data_page_header_v2: second, dictionary_page_header: dictionary } = header;
  if (header.type === 'DICTIONARY_PAGE' && dictionary !== undefined) {
    within('a dictionary', dictionary.num_values, Number(column.num_values) + PADDING);
    return 0;
  }
  if (header.type === 'DATA_PAGE' && first !== undefined) {
    within('the values of a page', first.num_values, most);
    const runs = new Runs(unpacked(0), first.num_values);
    if (levels.repetition > 0) runs.passWithLength(levels.repetition);
    if (levels.definition > 0) runs.passWithLength(levels.definition);
    checkIndices(runs, first.encoding, column.type);
    return first.num_values;
  }
  if (header.type === 'DATA_PAGE_V2' && second !== undefined) {
    const { num_values: values, num_nulls: nulls, num_rows: rows, encoding } = second;
    const { repetition_levels_byte_length: first, definition_levels_byte_length: next } = second;
    within('the values of a page', values, most);
    within('the missing values of a page', nulls, values);
    within('the rows of a page', rows, values);
    within('the levels of a page', first, packed.length);
    within('the levels of a page', next, packed.length - first);
    if (levels.repetition > 0) new Runs(packed.subarray(0, first), values).pass(levels.repetition);
    if (levels.definition > 0) new Runs(packed.subarray(first, first + next), values).pass(levels.definition);
    const content = second.is_compressed === false ? packed.subarray(first + next) : unpacked(first + next);
    checkIndices(new Runs(content, values - nulls), encoding, column.type);
    return values;
  }
  throw new Error(`a page of type ${header.type}`);
}

/** Indices into a dictionary, and booleans, are runs as levels are. */
function checkIndices(runs: Runs, encoding: string, type: string): void {
  if (encoding === 'RLE' || (encoding.endsWith('_DICTIONARY') && type === 'BOOLEAN')) runs.passWithLength(1);
  else if (encoding.endsWith('_DICTIONARY')) runs.passWithWidth();
}

/** Small numbers as runs of equal ones and of bits, in which Parquet writes levels and indices. */
class Runs {
  readonly #bytes: Uint8Array;
  readonly #values: number;
  #offset = 0;

  constructor(bytes: Uint8Array, values: number) {
    this.#bytes = bytes;
    this.#values = values;
  }

  /** Runs behind their length in bytes, of numbers up to `greatest`. */
  passWithLength(greatest: number): void {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    const length = view.getUint32(this.#offset, true);
    this.#offset += 4;
    within('the levels of a page', length, this.#bytes.length - this.#offset);
    const start = this.#offset;
    this.pass(greatest);
    this.#offset = start + length;
  }

  /** Runs behind a byte with the bits of a number. */
  passWithWidth(): void {
    const width = this.#byte();
    within('the bits of an index', width, 32);
    this.#pass(width);
  }

  pass(greatest: number): void {
    this.#pass(32 - Math.clz32(greatest));
  }

  #pass(width: number): void {
    let seen = 0;
    // Which values are missing is not counted, so that indices may end before: the library stops at the end, too.
    while (seen < this.#values && this.#offset < this.#bytes.length) {
      const head = this.#count();
      const isBits = head % 2 === 1;
      const count = isBits ? Math.floor(head / 2) * 8 : Math.floor(head / 2);
      within('a run', count, this.#values - seen + PADDING);
      this.#offset += isBits ? (count * width) / 8 : Math.ceil(width / 8);
      seen += count;
    }
  }

  /** Seven bits a byte, the lowest first. */
  #count(): number {
    for (let [value, scale] = [0, 1]; scale <= 2 ** 28; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new Error('a run without end');
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset++];
    if (byte === undefined) throw new Error('a page ends within its values');
    return byte;
  }
}

function within(what: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new Error(`${what} of ${value}, where at most ${most} fit`);
}
