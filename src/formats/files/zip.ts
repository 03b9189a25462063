// The ZIP archive as PyTorch writes it: the directory at the end, and where each entry's bytes lie. Entries that are
// stored as they are can be used in place; compressed ones are unpacked within a bound. Does not write archives.
// Source: PKWARE's APPNOTE 6.3.10 (ZIP64 included).
import { constants, crc32, inflateRawSync } from 'node:zlib';
import { DataError } from '../../base/errors.ts';
import type { ByteSource } from './file-bytes.ts';

export interface ZipEntry {
  readonly name: string;
  /** 0 is stored, 8 is deflate; others are refused when the entry is used. */
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  /** Where its local header begins. */
  readonly headerOffset: number;
}

export interface ZipArchive {
  readonly source: ByteSource;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Where the directory begins: every entry ends before it. */
  readonly directoryOffset: number;
}

const END = { signature: 0x06054b50, bytes: 22, longestComment: 0xffff } as const;
const END64 = { signature: 0x06064b50, bytes: 56 } as const;
const LOCATOR64 = { signature: 0x07064b50, bytes: 20 } as const;
const DIRECTORY = { signature: 0x02014b50, bytes: 46 } as const;
const LOCAL = { signature: 0x04034b50, bytes: 30 } as const;
const IN_ZIP64 = 0xffffffff;
/** Keeps a damaged size from exhausting memory: some 500000 entries. */
const MAX_DIRECTORY_BYTES = 64e6;

/** Whether the bytes begin as an archive does. */
export function isZip(source: ByteSource): boolean {
  return source.size >= 4 && new DataView(source.read(0, 4)).getUint32(0, true) === LOCAL.signature;
}

/**
 * Reads the directory of an archive.
 *
 * @throws DataError naming the file, and the entry where one is at fault.
 */
export function readZip(source: ByteSource): ZipArchive {
  const { path } = source;
  const fail = (message: string, field?: string): never => {
    throw new DataError({ file: path, field, message: `damaged archive: ${message}` });
  };
  const end = findEnd(source) ?? fail('it has no directory at its end; is the file complete?');
  const { count, bytes, offset, position } = end;
  if (bytes > MAX_DIRECTORY_BYTES) fail(`its directory claims ${bytes} bytes`);
  if (offset + bytes > position)
    fail(`its directory, ${bytes} bytes at ${offset}, does not fit before its end`);
  const buffer = source.read(offset, bytes);
  const directory = new DataView(buffer);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + DIRECTORY.bytes > bytes || directory.getUint32(at, true) !== DIRECTORY.signature)
      return fail(`entry ${i + 1} of ${count} is not in its directory`);
    const nameBytes = directory.getUint16(at + 28, true);
    const extraBytes = directory.getUint16(at + 30, true);
    const next = at + DIRECTORY.bytes + nameBytes + extraBytes + directory.getUint16(at + 32, true);
    if (next > bytes) return fail(`entry ${i + 1} of ${count} is cut off`);
    const name = new TextDecoder().decode(new Uint8Array(buffer, at + DIRECTORY.bytes, nameBytes));
    if (entries.has(name)) fail('two entries have this name', name);
    const sizes = readSizes(directory, at, at + DIRECTORY.bytes + nameBytes, extraBytes);
    if (sizes === undefined) return fail('its sizes are missing', name);
    if (endOf(sizes) > offset)
      fail(`${sizes.compressedBytes} bytes at ${sizes.headerOffset} run into the directory`, name);
    entries.set(name, {
      name,
      encrypted: (directory.getUint16(at + 8, true) & 1) !== 0,
      method: directory.getUint16(at + 10, true),
      crc32: directory.getUint32(at + 16, true),
      ...sizes,
    });
    at = next;
  }
  let previous: ZipEntry | undefined;
  for (const entry of [...entries.values()].sort((a, b) => a.headerOffset - b.headerOffset)) {
    if (previous !== undefined && endOf(previous) > entry.headerOffset)
      fail('overlaps another entry', entry.name);
    previous = entry;
  }
  return { source, entries, directoryOffset: offset };
}

/** The least place where an entry can end. */
function endOf({
  headerOffset,
  compressedBytes,
}: Pick<ZipEntry, 'headerOffset' | 'compressedBytes'>): number {
  return headerOffset + LOCAL.bytes + compressedBytes;
}

/** Where a stored entry's bytes begin. Throws DataError for an entry that is compressed, encrypted or misplaced. */
export function storedOffset(archive: ZipArchive, entry: ZipEntry): number {
  if (entry.method !== 0) {
    throw new DataError({
      file: archive.source.path,
      field: entry.name,
      message: 'is compressed inside the archive, so it cannot be used in place',
      hint: 'write the file again with torch.save, which stores it as it is',
    });
  }
  if (entry.bytes !== entry.compressedBytes) {
    throw new DataError({
      file: archive.source.path,
      field: entry.name,
      message: `damaged archive: stored as ${entry.compressedBytes} bytes, but ${entry.bytes} are said`,
    });
  }
  return dataOffset(archive, entry);
}

/** The bytes of an entry of at most `limit` bytes, unpacked and checked. Throws DataError for one that is larger. */
export function readZipEntry(archive: ZipArchive, entry: ZipEntry, limit: number): Uint8Array {
  const { source } = archive;
  const fail = (message: string): never => {
    throw new DataError({ file: source.path, field: entry.name, message });
  };
  const largest = Math.max(entry.bytes, entry.compressedBytes);
  if (largest > limit) return fail(`${largest} bytes are more than the ${limit} that are read here`);
  const packed = new Uint8Array(source.read(dataOffset(archive, entry), entry.compressedBytes, entry.name));
  const bytes = entry.method === 0 ? packed : unpack(packed, entry, fail);
  if (bytes.length !== entry.bytes)
    fail(`damaged archive: ${bytes.length} bytes where ${entry.bytes} are said`);
  if (crc32(bytes) !== entry.crc32) fail('damaged archive: the checksum does not fit the bytes');
  return bytes;
}

function unpack(
  packed: Uint8Array,
  { method, bytes }: ZipEntry,
  fail: (message: string) => never,
): Uint8Array {
  if (method !== 8) return fail(`compression method ${method} is not known`);
  try {
    // One byte more than is said tells what is larger; nothing larger is ever held.
    return inflateRawSync(packed, { maxOutputLength: bytes + 1, finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return fail(
      `damaged archive: ${tooLarge ? `unpacks to more than the ${bytes} bytes said` : 'does not unpack'}`,
    );
  }
}

/** The local header may be longer than the directory says (PyTorch pads it), so it is read. */
function dataOffset({ source, directoryOffset }: ZipArchive, entry: ZipEntry): number {
  const fail = (message: string): never => {
    throw new DataError({ file: source.path, field: entry.name, message: `damaged archive: ${message}` });
  };
  if (entry.encrypted) fail('the entry is encrypted');
  const header = new DataView(source.read(entry.headerOffset, LOCAL.bytes, entry.name));
  if (header.getUint32(0, true) !== LOCAL.signature) fail('no entry begins where the directory says');
  const offset = entry.headerOffset + LOCAL.bytes + header.getUint16(26, true) + header.getUint16(28, true);
  if (offset + entry.compressedBytes > directoryOffset)
    fail(`${entry.compressedBytes} bytes at ${offset} run into the directory`);
  return offset;
}

interface End {
  readonly count: number;
  readonly bytes: number;
  readonly offset: number;
  /** Where the end record itself begins. */
  readonly position: number;
}

function findEnd(source: ByteSource): End | undefined {
  const tailBytes = Math.min(source.size, END.bytes + END.longestComment + LOCATOR64.bytes);
  const start = source.size - tailBytes;
  const tail = new DataView(source.read(start, tailBytes));
  for (let at = tailBytes - END.bytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END.signature) continue;
    if (at + END.bytes + tail.getUint16(at + 20, true) !== tailBytes) continue;
    const found = {
      count: tail.getUint16(at + 10, true),
      bytes: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
      position: start + at,
    };
    const needs64 = found.count === 0xffff || found.bytes === IN_ZIP64 || found.offset === IN_ZIP64;
    const locator = at - LOCATOR64.bytes;
    if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR64.signature)
      return needs64 ? undefined : found;
    return readEnd64(source, Number(tail.getBigUint64(locator + 8, true)));
  }
  return undefined;
}

function readEnd64(source: ByteSource, position: number): End | undefined {
  if (position + END64.bytes > source.size) return undefined;
  const record = new DataView(source.read(position, END64.bytes));
  if (record.getUint32(0, true) !== END64.signature) return undefined;
  const [count, bytes, offset] = [32, 40, 48].map((at) => Number(record.getBigUint64(at, true))) as [
    number,
    number,
    number,
  ];
  return { count, bytes, offset, position };
}

/** Sizes and place of an entry; those that do not fit 32 bits stand in its ZIP64 field, in this order. */
function readSizes(
  directory: DataView,
  at: number,
  extraStart: number,
  extraBytes: number,
): Pick<ZipEntry, 'bytes' | 'compressedBytes' | 'headerOffset'> | undefined {
  const short = {
    bytes: directory.getUint32(at + 24, true),
    compressedBytes: directory.getUint32(at + 20, true),
    headerOffset: directory.getUint32(at + 42, true),
  };
  const missing = (Object.keys(short) as (keyof typeof short)[]).filter((key) => short[key] === IN_ZIP64);
  if (missing.length === 0) return short;
  for (let field = extraStart; field + 4 <= extraStart + extraBytes; ) {
    const length = directory.getUint16(field + 2, true);
    if (directory.getUint16(field, true) === 1) {
      if (length < 8 * missing.length || field + 4 + length > extraStart + extraBytes) return undefined;
      const long = missing.map((key, i) => [key, Number(directory.getBigUint64(field + 4 + 8 * i, true))]);
      return { ...short, ...Object.fromEntries(long) };
    }
    field += 4 + length;
  }
  return undefined;
}
