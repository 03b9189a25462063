// Where two files of tensors differ: the first tensor in file order that is not the same, how far apart its elements are
// at most, and where the first of them is. Reads one tensor of each file at a time.
import { openSafetensors } from '../../formats/weights/safetensors.ts';
import {
  readFloat32,
  readTensor,
  type TensorEntry,
  type TensorFile,
} from '../../formats/weights/tensor-file.ts';

export interface TensorDifference {
  readonly tensor: string;
  /** What differs where it is not the elements: it is in one file only, or of another type or shape. */
  readonly layout?: string;
  /** Elements that differ, of how many. */
  readonly elements?: number;
  readonly of?: number;
  /** The largest difference of two elements; absent where no number can say it, as one of them is not finite. */
  readonly largest?: number;
  /** Where the first element that differs stands, an index per axis, and its two values as text. */
  readonly index?: readonly number[];
  readonly values?: readonly [string, string];
}

export interface TensorFileDifference {
  /** Tensors that differ, of those in either file. */
  readonly tensors: number;
  readonly of: number;
  /** The first in the order of the first file. */
  readonly first: TensorDifference;
}

/**
 * Undefined where every tensor is the same, whatever else is in the files.
 * @throws DataError when a file is no safetensors file or is cut short.
 */
export function diffTensorFiles(first: string, second: string): TensorFileDifference | undefined {
  const [one, other] = [openSafetensors(first), openSafetensors(second)];
  const names = [...new Set([...one.tensors.keys(), ...other.tensors.keys()])];
  const found: TensorDifference[] = [];
  let count = 0;
  for (const name of names) {
    const difference = diffTensor(name, one, other);
    if (difference === undefined) continue;
    count++;
    if (found.length === 0) found.push(difference);
  }
  const [earliest] = found;
  return earliest === undefined ? undefined : { tensors: count, of: names.length, first: earliest };
}

function diffTensor(tensor: string, one: TensorFile, other: TensorFile): TensorDifference | undefined {
  const [left, right] = [one.tensors.get(tensor), other.tensors.get(tensor)];
  if (left === undefined || right === undefined) {
    return { tensor, layout: `only in the ${left === undefined ? 'second' : 'first'}` };
  }
  const layout = (entry: TensorEntry) => `${entry.dtype} [${entry.shape.join(', ')}]`;
  if (layout(left) !== layout(right)) {
    return { tensor, layout: `${layout(left)} in the first, ${layout(right)} in the second` };
  }
  const [raw, rawOther] = [readTensor(one, tensor), readTensor(other, tensor)].map(({ buffer }) =>
    Buffer.from(buffer),
  );
  if (raw === undefined || rawOther === undefined || raw.equals(rawOther)) return undefined;
  return { tensor, ...diffElements(valuesOf(one, left), valuesOf(other, right), left.shape) };
}

/** Elements as numbers; 64-bit integers as the nearest. */
function valuesOf(file: TensorFile, { name, dtype }: TensorEntry): ArrayLike<number> {
  if (dtype === 'F16' || dtype === 'BF16' || dtype === 'F32') return readFloat32(file, name);
  const data = readTensor(file, name);
  return data instanceof BigInt64Array || data instanceof BigUint64Array
    ? Array.from(data as Iterable<bigint>, Number)
    : data;
}

function diffElements(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  shape: readonly number[],
): Omit<TensorDifference, 'tensor'> {
  let elements = 0;
  let largest = 0;
  let place: number | undefined;
  for (let i = 0; i < first.length; i++) {
    const [a, b] = [first[i] as number, second[i] as number];
    if (Object.is(a, b)) continue;
    elements++;
    place ??= i;
    // A difference that is no number stays one, whatever comes after it.
    largest = Math.max(largest, Math.abs(a - b));
  }
  return {
    elements,
    of: first.length,
    ...(Number.isFinite(largest) ? { largest } : {}),
    ...(place === undefined
      ? {}
      : { index: indexOf(place, shape), values: [String(first[place]), String(second[place])] as const }),
  };
}

/** The index per axis of an element counted in row-major order. */
function indexOf(place: number, shape: readonly number[]): readonly number[] {
  const index: number[] = [];
  let rest = place;
  for (const size of shape.toReversed()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}
