// Whether this machine multiplies 8-bit integers exactly, and in which bytes. On x86 processors without VNNI the runtime's
// product of unsigned with signed bytes adds pairs in 16 bits, which overflow at full range; that of unsigned with unsigned
// ones has room for them and is slower. Asked of the runtime itself, once, as no list of processors would stay true.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { float32 } from './dtype.ts';
import { make } from './graph.ts';
import { input } from './ops.ts';
import { floats, Program } from './program.ts';

/** How the numbers of 8-bit matrices are stored: as they are, or with 128 added. */
export type IntegerBytes = 'signed' | 'unsigned';

let known: Promise<IntegerBytes> | undefined;

/**
 * The bytes whose products are exact here, the faster first.
 * @throws UserError where neither are.
 */
export function exactBytes(): Promise<IntegerBytes> {
  known ??= findExactBytes();
  return known;
}

async function findExactBytes(): Promise<IntegerBytes> {
  for (const bytes of ['signed', 'unsigned'] as const) if (await areExact(bytes)) return bytes;
  throw new UserError({
    message: 'the products of 8-bit integers are not exact on this processor: int8 would give other numbers',
    hint: 'use baseWeights float32 or int4',
  });
}

/** Rows of a product: one, as in decoding, and several, as in reading; sizes that no kernel's tiles divide. */
const shapes = [
  [1, 256, 64],
  [9, 67, 19],
  [40, 515, 131],
] as const;

/** Whether products of the largest numbers, of either sign, are what integers give. */
export async function areExact(bytes: IntegerBytes): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'coin-exact-'));
  try {
    for (const [rows, inputs, outputs] of shapes) {
      // Runs of one sign: neighbours add up, and whole sums differ from column to column.
      const sign = (i: number, run: number) => (Math.floor(i / run) % 3 === 0 ? -127 : 127);
      const x = Float32Array.from({ length: rows * inputs }, (_, i) => sign(i, inputs - 1));
      const numbers = Int8Array.from({ length: inputs * outputs }, (_, i) => sign(i % outputs, 2 + (i % 5)));
      const file = join(folder, `${inputs}x${outputs}`);
      writeFileSync(file, bytes === 'signed' ? numbers : numbers.map((number) => number ^ 0x80));
      const range = { file, offset: 0, byteLength: numbers.length };
      const matrix = {
        name: 'm',
        bits: 8,
        inputs,
        outputs,
        numbers: range,
        unsigned: bytes === 'unsigned',
      } as const;
      const y = make('quantizedMatmul', [input('x', 'float32', [rows, inputs])], { matrix });
      const program = await Program.compile({ y });
      const found = floats((await program.run({ x: float32(x, [rows, inputs]) })).y);
      await program.dispose();
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < outputs; column++) {
          let sum = 0;
          for (let i = 0; i < inputs; i++) {
            sum += (x[row * inputs + i] as number) * (numbers[i * outputs + column] as number);
          }
          // A wrong pair is off by thousands; the scales of the rows round in float32.
          if (Math.abs((found[row * outputs + column] as number) - sum) > 1 + Math.abs(sum) * 1e-5)
            return false;
        }
      }
    }
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
