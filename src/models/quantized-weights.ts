// The frozen weights of adapted layers in 8 or 4 bits: rounded once into a file of their own, which later runs map.
// What stays in full: embeddings, head, norms, projector and vision tower, which are few, trained, or used once.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, sha256 } from '../formats/files/files.ts';
import { openSafetensors } from '../formats/weights/safetensors.ts';
import { type TensorTypes, writeSafetensors } from '../formats/weights/safetensors-writer.ts';
import type { TensorFile } from '../formats/weights/tensor-file.ts';
import { valuesOfRange } from '../formats/weights/tensor-file.ts';
import type { IntegerBytes } from '../tensor/exact-products.ts';
import { isMadeBy, type Tensor } from '../tensor/graph.ts';
import type { Primitives, QuantizedMatrix } from '../tensor/primitives.ts';
import {
  BLOCK,
  blocksOf,
  dequantizeInt4,
  type QuantizedWeight,
  quantizeInt4,
  quantizeInt8,
  transposeMatrix,
} from '../tensor/quantization.ts';

type Weight = Primitives['weight'];

export interface QuantizeOptions {
  readonly bits: 8 | 4;
  /** 8 bits: how the numbers are stored (exact-products.ts). */
  readonly bytes?: IntegerBytes;
  /** Where the files are kept. */
  readonly folder: string;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Finds a weight's matrices by its name; undefined for a weight that stays as it is. */
export type FindQuantized = (weight: Weight) => QuantizedWeight | undefined;

/** Opens the file of these weights ([outputs, inputs] each), made before anything else where it is missing. */
export function openQuantizedWeights(weights: readonly Tensor[], options: QuantizeOptions): FindQuantized {
  const { folder } = options;
  const storage = storageOf(options);
  const all = new Map(weights.map(attributesOf).map((weight) => [weight.name, weight]));
  const path = join(folder, `${keyOf([...all.values()], storage)}.safetensors`);
  if (!existsSync(path)) {
    makeFolder(folder);
    write(path, all, options);
  }
  const file = openSafetensors(path);
  return ({ name }) => {
    const weight = all.get(name);
    return weight === undefined ? undefined : matricesOf(file, weight, options);
  };
}

function attributesOf(tensor: Tensor): Weight {
  if (!isMadeBy(tensor, 'weight') || tensor.rank !== 2) throw new Error('internal: not a frozen matrix');
  return tensor.attributes;
}

/** What names the kind of a file: files of signed bytes are named by their bits alone. */
const storageOf = ({ bits, bytes }: QuantizeOptions): string | number =>
  bits === 8 && bytes === 'unsigned' ? '8 unsigned' : bits;

/** Where the bytes lie and when they were last written stands for what they are: hashing 14 GB would take longer. */
function keyOf(weights: readonly Weight[], storage: string | number): string {
  const stamps = new Map<string, unknown>();
  for (const { source } of weights) {
    const { size, mtimeMs } = statSync(source.file);
    stamps.set(source.file, [source.file, size, mtimeMs]);
  }
  const ranges = weights.map(({ name, shape, source: { offset, storage } }) => [
    name,
    shape,
    offset,
    storage,
  ]);
  return sha256(JSON.stringify([LAYOUT, storage, BLOCK, [...stamps.values()], ranges])).slice(0, 32);
}

/** Raised when the files' content changes its meaning. */
const LAYOUT = 2;

const parts = ['forward', 'forward_scales', 'backward', 'backward_scales'] as const;
type Part = (typeof parts)[number];

/**
 * What a weight's tensors in the file are; 8 bits need no scales backward. Scales are float32 stored as bytes: the file
 * orders tensors by the size of their elements, and a weight's should lie together, so that it is rounded once.
 */
function typesOf({ name, shape }: Weight, bits: 8 | 4): TensorTypes {
  const [outputs, inputs] = shape as readonly [number, number];
  const types: Partial<Record<Part, TensorTypes[string]>> =
    bits === 8
      ? {
          forward: { dtype: 'U8', shape: [inputs, outputs] },
          forward_scales: { dtype: 'U8', shape: [outputs, 4] },
          backward: { dtype: 'U8', shape: [outputs, inputs] },
        }
      : {
          forward: { dtype: 'U8', shape: [outputs, blocksOf(inputs), BLOCK / 2] },
          forward_scales: { dtype: 'U8', shape: [outputs, blocksOf(inputs), 4] },
          backward: { dtype: 'U8', shape: [inputs, blocksOf(outputs), BLOCK / 2] },
          backward_scales: { dtype: 'U8', shape: [inputs, blocksOf(outputs), 4] },
        };
  return Object.fromEntries(Object.entries(types).map(([part, type]) => [`${name}.${part}`, type]));
}

function matricesOf(
  file: TensorFile,
  weight: Weight,
  { bits, bytes }: Pick<QuantizeOptions, 'bits' | 'bytes'>,
): QuantizedWeight {
  const [outputs, inputs] = weight.shape as readonly [number, number];
  const range = (part: Part) => {
    const entry = file.tensors.get(`${weight.name}.${part}`);
    return entry && { file: file.path, offset: entry.offset, byteLength: entry.byteLength };
  };
  const matrix = (part: 'forward' | 'backward', size: Pick<QuantizedMatrix, 'inputs' | 'outputs'>) => {
    const [numbers, scales] = [range(part), range(`${part}_scales`)];
    if (numbers === undefined) throw new Error(`internal: ${file.path} lacks ${weight.name}`);
    const unsigned = bits === 8 && bytes === 'unsigned';
    return {
      name: `${weight.name}.${part}`,
      bits,
      ...size,
      numbers,
      unsigned,
      ...(scales ? { scales } : {}),
    };
  };
  return {
    forward: matrix('forward', { inputs, outputs }),
    backward: matrix('backward', { inputs: outputs, outputs: inputs }),
  };
}

function write(path: string, weights: ReadonlyMap<string, Weight>, options: QuantizeOptions): void {
  const { bits, onProgress } = options;
  const types = Object.assign({}, ...[...weights.values()].map((weight) => typesOf(weight, bits)));
  let current: { readonly name: string; readonly bytes: Readonly<Record<string, Uint8Array>> } | undefined;
  let done = 0;
  writeSafetensors(path, types, (tensor, start, count) => {
    const dot = tensor.lastIndexOf('.');
    const [name, part] = [tensor.slice(0, dot), tensor.slice(dot + 1)];
    if (current?.name !== name) {
      onProgress?.(done++, weights.size);
      current = { name, bytes: quantize(weights.get(name) as Weight, options) };
    }
    return (current.bytes[part] as Uint8Array).subarray(start, start + count);
  });
  onProgress?.(weights.size, weights.size);
}

function quantize(
  { name, source, shape }: Weight,
  { bits, bytes }: Pick<QuantizeOptions, 'bits' | 'bytes'>,
): Record<string, Uint8Array> {
  const [outputs, inputs] = shape as readonly [number, number];
  const values = valuesOfRange(source, name);
  if (bits === 8) {
    const { numbers, scales } = quantizeInt8(values, outputs, inputs);
    const stored = bytes === 'unsigned' ? numbers.map((number) => number ^ 0x80) : numbers;
    return {
      forward: bytesOf(transposeMatrix(stored, outputs, inputs)),
      forward_scales: bytesOf(scales),
      backward: bytesOf(stored),
    };
  }
  const forward = quantizeInt4(values, outputs, inputs);
  const rounded = dequantizeInt4(forward, outputs, inputs);
  const backward = quantizeInt4(transposeMatrix(rounded, outputs, inputs), inputs, outputs);
  return {
    forward: forward.numbers,
    forward_scales: bytesOf(forward.scales),
    backward: backward.numbers,
    backward_scales: bytesOf(backward.scales),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Int8Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
