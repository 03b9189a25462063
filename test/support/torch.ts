// The Python that has PyTorch, for tests of that runtime: COIN_PYTHON or python3. Where there is none they are skipped,
// and say so.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll } from 'vitest';
import { add, input } from '../../src/tensor/ops.ts';
import { Program, type ProgramOptions } from '../../src/tensor/program.ts';

const python = process.env.COIN_PYTHON ?? 'python3';

/** Whether that Python has what the runtime needs. */
export const hasTorch = spawnSync(python, ['-c', 'import numpy, torch'], { stdio: 'ignore' }).status === 0;

if (!hasTorch)
  console.warn(`${python} has no PyTorch: tests of that runtime are skipped (COIN_PYTHON names another)`);

export const onTorch: ProgramOptions = { torch: { device: 'cpu', precision: 'float32', python, threads: 1 } };

/** Every runtime that is here, with the options that choose it. */
export const runtimes: readonly (readonly [string, ProgramOptions])[] = [
  ['ONNX Runtime', { threads: 1 }],
  ...(hasTorch ? [['PyTorch', onTorch] as const] : []),
];

/** Keeps what the tests of a file share, such as PyTorch's process, from the first of them to the last. */
export function heldOpen(options: ProgramOptions): void {
  let held: Program | undefined;
  beforeAll(async () => {
    held = await Program.compile({ copy: add(input('x', 'float32', []), 0) }, options);
  });
  afterAll(() => held?.dispose());
}
