// The safetensors format: an 8-byte header length, a JSON header, then the tensors' bytes without gaps.
// Opening reads and checks the header only; values are read by tensor, or mapped by others at `offset`.
// Does not write files: `serializeSafetensors` gives the bytes.

import { existsSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, present } from '../errors.ts';
import { readByteRange, withOpenFile } from './file-bytes.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './half.ts';
import { isObject, readJsonObject } from './json.ts';

/** Bytes of one element. Names are the format's own. */
const elementBytes = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type SafetensorsType = keyof typeof elementBytes;

/** Raw elements: F16 and BF16 as bit patterns in a Uint16Array, F8 and BOOL as bytes. */
export type TensorData =
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

export interface TensorEntry {
  readonly name: string;
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
  /** Absolute offset in the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** In file order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** A model folder: every tensor by name, with the file (shard) that holds it. */
export interface Checkpoint {
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
}

export interface CheckpointTensor {
  readonly file: SafetensorsFile;
  readonly entry: TensorEntry;
}

/** A tensor to be written. `data` must fill `shape` in elements of `dtype`. */
export interface TensorSource {
  readonly dtype: SafetensorsType;
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
export function openSafetensors(path: string): SafetensorsFile {
  return withOpenFile(path, (descriptor) => {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new DataError({ file: path, message: 'expected a safetensors file' });
    const fileBytes = stats.size;
    if (fileBytes < 8) {
      throw new DataError({
        file: path,
        message: `truncated: ${fileBytes} bytes, a safetensors file begins with an 8-byte header length`,
      });
    }
    const declared = new DataView(readByteRange(descriptor, { path, offset: 0, length: 8 })).getBigUint64(
      0,
      true,
    );
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
    if (8 + headerBytes > fileBytes) {
      throw new DataError({
        file: path,
        message: `truncated: the header ends at byte ${8 + headerBytes}, the file at byte ${fileBytes}`,
      });
    }
    const header = parseHeader(path, readByteRange(descriptor, { path, offset: 8, length: headerBytes }));
    return checkHeader(path, header, 8 + headerBytes, fileBytes);
  });
}

/** The raw elements of a tensor. Throws DataError when the file has no such tensor or is cut short. */
export function readTensor(file: SafetensorsFile, name: string): TensorData {
  const entry = file.tensors.get(name);
  if (entry === undefined) {
    throw new DataError({ file: file.path, field: name, message: 'no such tensor in this file' });
  }
  const buffer = withOpenFile(file.path, (descriptor) =>
    readByteRange(descriptor, {
      path: file.path,
      offset: entry.offset,
      length: entry.byteLength,
      field: name,
    }),
  );
  return viewElements(entry.dtype, buffer);
}

/** A floating-point tensor as float32: F32 as it is, F16 and BF16 widened (exact). Other types are refused. */
export function readFloat32(file: SafetensorsFile, name: string): Float32Array {
  const data = readTensor(file, name);
  const { dtype } = present(file.tensors.get(name), name);
  if (data instanceof Float32Array) return data;
  if (data instanceof Uint16Array && dtype === 'F16') return float16ToFloat32(data);
  if (data instanceof Uint16Array && dtype === 'BF16') return bfloat16ToFloat32(data);
  throw new DataError({
    file: file.path,
    field: name,
    message: `expected a tensor of F32, F16 or BF16, found ${dtype}`,
  });
}

/**
 * Opens the weights of a model folder: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` lists.
 *
 * @throws DataError when neither is there, a shard is missing or damaged, or a listed tensor is not in its shard.
 */
export function openCheckpoint(folder: string): Checkpoint {
  const single = join(folder, 'model.safetensors');
  if (existsSync(single)) {
    const file = openSafetensors(single);
    return {
      folder,
      tensors: new Map([...file.tensors].map(([name, entry]) => [name, { file, entry }])),
    };
  }
  const index = join(folder, 'model.safetensors.index.json');
  if (!existsSync(index)) {
    throw new DataError({
      file: folder,
      message: 'expected model.safetensors or model.safetensors.index.json in this folder, found neither',
    });
  }
  const shards = new Map<string, SafetensorsFile>();
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, shard] of readWeightMap(index)) {
    const file = shards.get(shard) ?? openSafetensors(join(folder, shard));
    shards.set(shard, file);
    const entry = file.tensors.get(name);
    if (entry === undefined) {
      throw new DataError({
        file: file.path,
        field: name,
        message: `tensor is missing; ${index} lists it here`,
      });
    }
    tensors.set(name, { file, entry });
  }
  return { folder, tensors };
}

/**
 * The bytes of a safetensors file. Deterministic: tensors are ordered by element size (largest first, so that
 * every tensor is aligned to its element) and then by name; the header is padded with spaces to 8 bytes.
 */
export function serializeSafetensors(
  tensors: Readonly<Record<string, TensorSource>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) =>
      elementBytes[b.dtype] - elementBytes[a.dtype] || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
  );
  const entries: [string, unknown][] = [];
  const names = Object.keys(metadata).sort();
  if (names.length > 0) {
    entries.push(['__metadata__', Object.fromEntries(names.map((name) => [name, metadata[name]]))]);
  }
  let end = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    const expected = elementBytes[dtype] * shape.reduce((product, size) => product * size, 1);
    if (data.byteLength !== expected) {
      throw new Error(
        `safetensors: ${name}: ${data.byteLength} bytes do not fill ${dtype} [${shape.join(', ')}] (${expected} bytes)`,
      );
    }
    entries.push([name, { dtype, shape, data_offsets: [end, end + expected] }]);
    end += expected;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, 8 + headerBytes);
  let position = 8 + headerBytes;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

function parseHeader(path: string, bytes: ArrayBuffer): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DataError({
      file: path,
      message: `not a safetensors file, or damaged: the header is not JSON (${(error as Error).message})`,
    });
  }
  if (!isObject(header)) {
    throw new DataError({ file: path, message: 'not a safetensors file: the header is not a JSON object' });
  }
  return header;
}

function checkHeader(
  path: string,
  header: Readonly<Record<string, unknown>>,
  dataStart: number,
  fileBytes: number,
): SafetensorsFile {
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
  return { path, metadata, tensors: new Map(entries.map((entry) => [entry.name, entry])) };
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
  if (!isSafetensorsType(dtype)) {
    const known = Object.keys(elementBytes).join(', ');
    return fail(`unknown dtype ${JSON.stringify(dtype)}; known are ${known}`);
  }
  if (!isSizes(shape)) return fail(`shape is not a list of sizes: ${JSON.stringify(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    return fail(`data_offsets is not a pair of sizes: ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as readonly [number, number];
  if (end < begin) return fail(`data_offsets run backwards: ${begin}, ${end}`);
  if (dataStart + end > fileBytes) {
    return fail(`truncated: the tensor ends at byte ${dataStart + end}, the file at byte ${fileBytes}`);
  }
  const expected = elementBytes[dtype] * shape.reduce((product, size) => product * size, 1);
  if (end - begin !== expected) {
    return fail(`${dtype} [${shape.join(', ')}] takes ${expected} bytes, data_offsets give ${end - begin}`);
  }
  return { name, dtype, shape, offset: dataStart + begin, byteLength: expected };
}

function readWeightMap(path: string): readonly [name: string, shard: string][] {
  const map = readJsonObject(path).weight_map;
  if (!isObject(map)) throw new DataError({ file: path, field: 'weight_map', message: 'expected an object' });
  return Object.entries(map).map(([name, shard]) => {
    if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard)) {
      throw new DataError({
        file: path,
        field: `weight_map.${name}`,
        message: `expected the name of a .safetensors file in this folder, found ${JSON.stringify(shard)}`,
      });
    }
    return [name, shard];
  });
}

/** Elements over a buffer of their own (the format is little-endian, as every platform Node runs on here). */
function viewElements(dtype: SafetensorsType, buffer: ArrayBuffer): TensorData {
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer);
    case 'I64':
      return new BigInt64Array(buffer);
    case 'U64':
      return new BigUint64Array(buffer);
    case 'F32':
      return new Float32Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'U32':
      return new Uint32Array(buffer);
    case 'I16':
      return new Int16Array(buffer);
    case 'F16':
    case 'BF16':
    case 'U16':
      return new Uint16Array(buffer);
    case 'I8':
      return new Int8Array(buffer);
    case 'F8_E5M2':
    case 'F8_E4M3':
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer);
  }
}

function isSafetensorsType(value: unknown): value is SafetensorsType {
  return typeof value === 'string' && Object.hasOwn(elementBytes, value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
