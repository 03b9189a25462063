// Small weight files for tests, and the plain reader of their values that the interpreter asks for.
import { readFileSync, writeFileSync } from 'node:fs';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from '../../../src/formats/weights/half.ts';
import {
  openSafetensors,
  serializeSafetensors,
  type TensorSource,
} from '../../../src/formats/weights/safetensors.ts';
import type { StorageType } from '../../../src/tensor/dtype.ts';
import type { Tensor } from '../../../src/tensor/graph.ts';
import { weight } from '../../../src/tensor/ops.ts';
import type { WeightSource } from '../../../src/tensor/primitives.ts';
import { normalArray } from '../../../src/tensor/random.ts';

/** Writes tensors of normal numbers as `<name>: [storage, shape]` asks, and gives them as weights of a graph. */
export function writeWeights<Name extends string>(
  path: string,
  tensors: Readonly<Record<Name, readonly [StorageType, readonly number[]]>>,
): Record<Name, Tensor> {
  const entries = Object.entries<readonly [StorageType, readonly number[]]>(tensors);
  const sources = entries.map(([name, [dtype, shape]]): [string, TensorSource] => {
    const size = shape.reduce((product, one) => product * one, 1);
    const values = normalArray(size, { seed: 23, purpose: name });
    const encode = {
      F32: () => values,
      F16: () => float32ToFloat16(values),
      BF16: () => float32ToBfloat16(values),
    };
    return [name, { dtype, shape, data: encode[dtype]() }];
  });
  writeFileSync(path, serializeSafetensors(Object.fromEntries(sources)));
  const file = openSafetensors(path);
  return Object.fromEntries(
    [...file.tensors.values()].map(({ name, dtype, shape, offset, byteLength }) => [
      name,
      weight(name, { file: path, offset, byteLength, storage: dtype as StorageType }, shape),
    ]),
  ) as Record<Name, Tensor>;
}

export function readWeight({ file, offset, byteLength, storage }: WeightSource): Float32Array {
  const bytes = Uint8Array.from(readFileSync(file).subarray(offset, offset + byteLength));
  if (storage === 'F32') return new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  return storage === 'F16' ? float16ToFloat32(halves) : bfloat16ToFloat32(halves);
}
