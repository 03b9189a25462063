// Plain twins for differential tests: loops over numbers in double precision, and seeded inputs. Slow on purpose.
import { elementCount, float32, type HostTensor } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import { Program } from '../../src/tensor/program.ts';
import { normalArray } from '../../src/tensor/random.ts';

/** Normal numbers that depend on the name and the shape only. */
export function normal(name: string, shape: readonly number[], standardDeviation = 1): HostTensor<'float32'> {
  return float32(normalArray(elementCount(shape), { seed: 7, purpose: name, standardDeviation }), shape);
}

/** The rows of a tensor over its last axis. */
export function rowsOf({ data, shape }: HostTensor): number[][] {
  const size = shape.at(-1) as number;
  return Array.from({ length: data.length / size }, (_, row) =>
    Array.from(data.subarray(row * size, (row + 1) * size)),
  );
}

export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, value, i) => total + value * (b[i] as number), 0);

/** Matrix [outputs, inputs] times vector. */
export const times = (matrix: readonly (readonly number[])[], vector: readonly number[]): number[] =>
  matrix.map((row) => dot(row, vector));

export function softmaxOf(scores: readonly number[]): number[] {
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((a, b) => a + b);
  return exponentials.map((value) => value / total);
}

/** Compiles, runs once and releases. */
export async function evaluate<K extends string>(
  outputs: Readonly<Record<K, Tensor>>,
  feeds: Readonly<Record<string, HostTensor>> = {},
): Promise<Record<K, HostTensor>> {
  const program = await Program.compile(outputs);
  const wanted = Object.fromEntries(
    Object.entries(feeds).filter(([name]) => program.inputNames.includes(name)),
  );
  const result = await program.runOnHost(wanted);
  await program.dispose();
  return result as Record<K, HostTensor>;
}
