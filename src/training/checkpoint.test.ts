// A checkpoint is gone on from only where it holds what was written.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { DataError } from '../base/errors.ts';
import { float32 } from '../tensor/dtype.ts';
import { readState, serializeState } from './checkpoint.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const values = (first: number) => ({
  b: float32(Float32Array.from([first, -0, 3]), [3]),
  a: float32(Float32Array.from([1, first, 2, 4]), [2, 2]),
});
const state = { step: 3, parameters: values(0.5), firstMoments: values(1), secondMoments: values(2) };
const file = join(folder, 'state.safetensors');
const bytes = serializeState(state, 'this training');

it('comes back as it was written, for the same training only', () => {
  writeFileSync(file, bytes);
  expect(readState(file, 'this training')).toEqual(state);
  expect(readState(file, 'another training')).toBeUndefined();
});

it.each([
  ['zeros at its end', (damaged: Buffer) => damaged.fill(0, damaged.length - 40)],
  [
    'one bit in a number',
    (damaged: Buffer) => damaged.writeUInt8((damaged.at(-5) ?? 0) ^ 1, damaged.length - 5),
  ],
  ['another step', (damaged: Buffer) => damaged.write('4', damaged.indexOf('"step":"3"') + 8)],
])('with %s is refused, and what to do is said', (_, damage) => {
  writeFileSync(file, bytes);
  const damaged = readFileSync(file);
  damage(damaged);
  expect(damaged.equals(bytes)).toBe(false);
  writeFileSync(file, damaged);
  const read = () => readState(file, 'this training');
  expect(read).toThrow(DataError);
  expect(read).toThrow(/damaged.*\n {2}hint: delete it/);
});
