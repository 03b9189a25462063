// Tensors that lie in a file, each one row-major run of bytes, whatever the format around them. Opening a format is its
// own file's work (safetensors.ts, torch-checkpoint.ts); here values are read. Others map the bytes at `offset`.
import { DataError } from '../../base/errors.ts';
import { withByteSource } from '../files/file-bytes.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './half.ts';

/** Bytes of one element. Names are those of safetensors. */
export const elementBytes = {
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

export type ElementType = keyof typeof elementBytes;

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
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  /** Absolute offset in the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface TensorFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** In file order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Tensors that are there but cannot be used, with the reason: they matter only to who asks for them. */
  readonly unusable: ReadonlyMap<string, string>;
}

/** The raw elements of a tensor. Throws DataError when the file has no such tensor or is cut short. */
export function readTensor(file: TensorFile, name: string): TensorData {
  const { dtype, offset, byteLength } = findEntry(file, name);
  const buffer = withByteSource(file.path, 'a file', (source) => source.read(offset, byteLength, name));
  return viewElements(dtype, buffer);
}

function findEntry(file: TensorFile, name: string): TensorEntry {
  const entry = file.tensors.get(name);
  if (entry !== undefined) return entry;
  const message = file.unusable.get(name) ?? 'no such tensor in this file';
  throw new DataError({ file: file.path, field: name, message });
}

/** A floating-point tensor as float32: F32 as it is, F16 and BF16 widened (exact). Other types are refused. */
export function readFloat32(file: TensorFile, name: string): Float32Array {
  const entry = findEntry(file, name);
  const { dtype } = entry;
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') {
    return valuesOfRange({ ...entry, file: file.path, storage: dtype }, name);
  }
  throw new DataError({
    file: file.path,
    field: name,
    message: `expected a tensor of F32, F16 or BF16, found ${dtype}`,
  });
}

/** The float32 values of a run of bytes in a file; `name` is what errors call it. */
export function valuesOfRange(
  range: {
    readonly file: string;
    readonly offset: number;
    readonly byteLength: number;
    readonly storage: 'F32' | 'F16' | 'BF16';
  },
  name?: string,
): Float32Array {
  const { file, offset, byteLength, storage } = range;
  const buffer = withByteSource(file, 'a file', (source) => source.read(offset, byteLength, name));
  if (storage === 'F32') return new Float32Array(buffer);
  const halves = new Uint16Array(buffer);
  return storage === 'F16' ? float16ToFloat32(halves) : bfloat16ToFloat32(halves);
}

export function isElementType(value: unknown): value is ElementType {
  return typeof value === 'string' && Object.hasOwn(elementBytes, value);
}

/** Whole numbers from 0 that a number holds exactly. */
export function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Elements over a buffer of their own (both formats are little-endian, as every platform Node runs on here). */
function viewElements(dtype: ElementType, buffer: ArrayBuffer): TensorData {
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
