// Reading the PyTorch fixtures (tools/parity/README.md says how they are made) and comparing tensors with them.
// Knows nothing of models.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { openSafetensors } from '../../src/formats/weights/safetensors.ts';
import { readTensor } from '../../src/formats/weights/tensor-file.ts';
import type { WeightProvider } from '../../src/nn/scope.ts';
import type { HostTensor } from '../../src/tensor/dtype.ts';
import { float32, int32 } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import { input } from '../../src/tensor/ops.ts';
import { floats, type Value } from '../../src/tensor/program.ts';

/** The largest |ours − theirs| / max |theirs| that a tensor may show. */
export const TOLERANCE = 1e-4;

export function fixturePath(...parts: readonly string[]): string {
  return join(fileURLToPath(new URL('../fixtures/parity', import.meta.url)), ...parts);
}

export function readFixtureJson(...parts: readonly string[]): unknown {
  return JSON.parse(readFileSync(fixturePath(...parts), 'utf8'));
}

/** Tensors of one file by name. Asking for one that is not there is an error, so no comparison passes by absence. */
export class TensorTable {
  readonly tensors: ReadonlyMap<string, HostTensor>;

  constructor(path: string) {
    const file = openSafetensors(path);
    this.tensors = new Map(
      [...file.tensors.values()].map(({ name, shape }): [string, HostTensor] => {
        const data = readTensor(file, name);
        if (data instanceof Float32Array) return [name, float32(data, shape)];
        if (data instanceof Int32Array) return [name, int32(data, shape)];
        throw new Error(`${path}: ${name}: expected F32 or I32`);
      }),
    );
  }

  get(name: string): HostTensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new Error(`fixture: no tensor "${name}"`);
    return tensor;
  }

  /** What follows a prefix, for every name that begins with it. */
  namesAfter(prefix: string): string[] {
    return [...this.tensors.keys()].flatMap((name) =>
      name.startsWith(prefix) ? [name.slice(prefix.length)] : [],
    );
  }
}

export interface Fixture {
  readonly inputs: TensorTable;
  readonly expected: TensorTable;
}

export const readFixture = (name: string): Fixture => ({
  inputs: new TensorTable(fixturePath(name, 'inputs.safetensors')),
  expected: new TensorTable(fixturePath(name, 'expected.safetensors')),
});

/** Every weight as a fed input of its own name, collected in `made`. */
export function inputProvider(made: Map<string, Tensor>): WeightProvider {
  return (name, shape) => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const tensor = input(name, 'float32', shape);
    made.set(name, tensor);
    return tensor;
  };
}

export function maxAbsolute(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    // Math.max passes NaN on, so a NaN anywhere is seen.
    largest = Math.max(largest, Math.abs(values[i] as number));
  }
  return largest;
}

/** max |ours − theirs| / max |theirs|. */
export function relativeDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) throw new Error(`lengths differ: ${ours.length} and ${theirs.length}`);
  const differences = Float64Array.from(theirs, (value, i) => (ours[i] as number) - value);
  return maxAbsolute(differences) / maxAbsolute(theirs);
}

/** Asserts shape and values; the message names the tensor. */
export function expectParity(
  name: string,
  ours: Value | undefined,
  theirs: HostTensor,
  tolerance = TOLERANCE,
): void {
  expect(ours?.shape, `${name}: shape`).toEqual(theirs.shape);
  const difference = relativeDifference(floats(ours), floats(theirs));
  expect(difference, `${name}: largest relative difference`).toBeLessThanOrEqual(tolerance);
}
