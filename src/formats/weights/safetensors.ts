// The safetensors format: an 8-byte header length, a JSON header, then the tensors' bytes without gaps.
// Opening reads and checks the header only; values are read by tensor, or mapped by others at `offset`.
// Does not write files: `serializeSafetensors` gives the bytes.

import { DataError, present } from '../../base/errors.ts';
import { shown } from '../../base/shown.ts';
import { type ByteSource, withByteSource } from '../files/file-bytes.ts';
import { isObject } from '../records/json.ts';
import { parseJsonText } from '../records/json-syntax.ts';
import { layOutSafetensors, tensorBytes } from './safetensors-layout.ts';
import {
  type ElementType,
  elementBytes,
  isElementType,
  isSizes,
  type TensorData,
  type TensorEntry,
  type TensorFile,
} from './tensor-file.ts';

/** A tensor to be written. `data` must fill `shape` in elements of `dtype`. */
export interface TensorSource {
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** The format's own bound on the header, which keeps a damaged length from exhausting memory. */
const MAX_HEADER_BYTES = 100_000_000;

/** The header length that a Git LFS pointer file seems to declare: its text begins with "version ". */
const GIT_LFS_POINTER = Buffer.from('version ').readBigUInt64LE();

/**
 * Reads and checks the header of a safetensors file.
 *
 * @throws DataError naming the file, and the tensor where one is at fault.
 */
export function openSafetensors(path: string): TensorFile {
  return withByteSource(path, 'a safetensors file', parseSafetensors);
}

/** As `openSafetensors`, of bytes already open. */
export function parseSafetensors(source: ByteSource): TensorFile {
  const { path, size } = source;
  if (size < 8) {
    throw new DataError({
      file: path,
      message: `truncated: ${size} bytes, a safetensors file begins with an 8-byte header length`,
    });
  }
  const declared = new DataView(source.read(0, 8)).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES)) {
    throw new DataError({
      file: path,
      message: `not a safetensors file, or damaged: header length ${declared} is over ${MAX_HEADER_BYTES}`,
      hint:
        declared === GIT_LFS_POINTER
          ? 'this is a Git LFS pointer: run `git lfs pull` where it came from'
          : undefined,
    });
  }
  const headerBytes = Number(declared);
  if (8 + headerBytes > size) {
    throw new DataError({
      file: path,
      message: `truncated: the header ends at byte ${8 + headerBytes}, the file at byte ${size}`,
    });
  }
  return checkHeader(path, parseHeader(path, source.read(8, headerBytes)), 8 + headerBytes, size);
}

/** The bytes of a safetensors file, laid out by `layOutSafetensors`: the same tensors give the same bytes. */
export function serializeSafetensors(
  tensors: Readonly<Record<string, TensorSource>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const expected = tensorBytes({ dtype, shape });
    if (data.byteLength !== expected) {
      throw new Error(
        `safetensors: ${name}: ${data.byteLength} bytes do not fill ${dtype} [${shape.join(', ')}] (${expected} bytes)`,
      );
    }
  }
  const { header, entries, byteLength } = layOutSafetensors(tensors, metadata);
  const bytes = new Uint8Array(byteLength);
  bytes.set(header);
  for (const { name, offset } of entries) {
    const { data } = present(tensors[name], name);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
  }
  return bytes;
}

function parseHeader(path: string, bytes: ArrayBuffer): Readonly<Record<string, unknown>> {
  let header: unknown;
  let repeated: string | undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = parseJsonText(text);
    repeated = repeatedKey(text);
  } catch (error) {
    throw new DataError({
      file: path,
      message: `not a safetensors file, or damaged: the header is not JSON (${(error as Error).message})`,
    });
  }
  if (!isObject(header)) {
    throw new DataError({ file: path, message: 'not a safetensors file: the header is not a JSON object' });
  }
  if (repeated !== undefined) {
    throw new DataError({ file: path, field: repeated, message: 'damaged: the header has this key twice' });
  }
  return header;
}

/** The first key that an object of this (valid) JSON has twice: `JSON.parse` would silently take the last. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}]/gs;
  for (const { 0: token, 1: colon } of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon !== undefined) {
      const key: string = JSON.parse(token.slice(0, -colon.length));
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

function checkHeader(
  path: string,
  header: Readonly<Record<string, unknown>>,
  dataStart: number,
  fileBytes: number,
): TensorFile {
  const entries: TensorEntry[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkMetadata(path, value);
    else entries.push(checkEntry(path, name, value, dataStart, fileBytes));
  }
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const entry of entries) {
    if (entry.offset !== end) {
      const fault = entry.offset < end ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw new DataError({
        file: path,
        field: entry.name,
        message: `begins at byte ${entry.offset} where ${end} is expected: ${fault}`,
      });
    }
    end = entry.offset + entry.byteLength;
  }
  if (end !== fileBytes) {
    throw new DataError({
      file: path,
      message: `the last tensor ends at byte ${end}, the file at byte ${fileBytes}`,
    });
  }
  return {
    path,
    metadata,
    tensors: new Map(entries.map((entry) => [entry.name, entry])),
    unusable: new Map(),
  };
}

function checkMetadata(path: string, value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw new DataError({ file: path, field: '__metadata__', message: 'expected an object of strings' });
  }
  return value as Readonly<Record<string, string>>;
}

function checkEntry(
  path: string,
  name: string,
  value: unknown,
  dataStart: number,
  fileBytes: number,
): TensorEntry {
  const fail = (message: string): never => {
    throw new DataError({ file: path, field: name, message });
  };
  if (!isObject(value)) return fail('expected an object with dtype, shape and data_offsets');
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isElementType(dtype)) {
    const known = Object.keys(elementBytes).join(', ');
    return fail(`unknown dtype ${shown(dtype)}; known are ${known}`);
  }
  if (!isSizes(shape)) return fail(`shape is not a list of sizes: ${shown(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    return fail(`data_offsets is not a pair of sizes: ${shown(offsets)}`);
  }
  const [begin, end] = offsets as readonly [number, number];
  if (end < begin) return fail(`data_offsets run backwards: ${begin}, ${end}`);
  if (dataStart + end > fileBytes) {
    return fail(`truncated: the tensor ends at byte ${dataStart + end}, the file at byte ${fileBytes}`);
  }
  const expected = tensorBytes({ dtype, shape });
  if (end - begin !== expected) {
    return fail(`${dtype} [${shape.join(', ')}] takes ${expected} bytes, data_offsets give ${end - begin}`);
  }
  return { name, dtype, shape, offset: dataStart + begin, byteLength: expected };
}
