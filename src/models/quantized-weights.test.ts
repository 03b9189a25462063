// Frozen weights in few bits: files made once and found again, products as the plain twin says, and gradients that are
// those of the rounded model.
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compareNumbers } from '../../test/support/compare.ts';
import { valuesOfRange } from '../formats/weights/tensor-file.ts';
import { float32 } from '../tensor/dtype.ts';
import { areExact } from '../tensor/exact-products.ts';
import { grad } from '../tensor/grad.ts';
import type { Tensor } from '../tensor/graph.ts';
import { evaluate } from '../tensor/interpreter.ts';
import { input, matmul, mul, sum, weight } from '../tensor/ops.ts';
import type { ByteRange, WeightSource } from '../tensor/primitives.ts';
import { Program } from '../tensor/program.ts';
import { quantizeWeights, transposeMatrix } from '../tensor/quantization.ts';
import { normalArray } from '../tensor/random.ts';
import { rewriteGraph } from '../tensor/rewrite.ts';
import { openQuantizedWeights } from './quantized-weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-quantized-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// 200 inputs are a block of 128 and part of another; one row is zero, one has an outlier, which costs precision.
const [OUTPUTS, INPUTS, ROWS] = [24, 200, 7];
const file = join(folder, 'weights.bin');
const values = normalArray(OUTPUTS * INPUTS, { seed: 1, purpose: 'weights', standardDeviation: 0.05 });
values.fill(0, INPUTS, 2 * INPUTS);
values[2 * INPUTS] = 3;
writeFileSync(file, values);
const source = { file, offset: 0, byteLength: values.byteLength, storage: 'F32' } as const;
const w = weight('layer.weight', source, [OUTPUTS, INPUTS]);
const x = input('x', 'float32', ['rows', INPUTS]);
const dy = input('dy', 'float32', ['rows', OUTPUTS]);
const y = matmul(x, w, { transposeB: true });
const [dx] = grad(sum(mul(y, dy)), [x]);
const plain = { y, dx: dx as Tensor };
const feeds = {
  x: float32(normalArray(ROWS * INPUTS, { seed: 2, purpose: 'x' }).fill(0, 0, INPUTS), [ROWS, INPUTS]),
  dy: float32(normalArray(ROWS * OUTPUTS, { seed: 3, purpose: 'dy' }), [ROWS, OUTPUTS]),
};
const readBytes = ({ file: path, offset, byteLength }: ByteRange) =>
  new Uint8Array(readFileSync(path).buffer.slice(offset, offset + byteLength));
const twin = { readWeight: (range: WeightSource) => valuesOfRange(range), readBytes };

/** Signed bytes are tried where this processor multiplies them exactly; elsewhere they are never used. */
const signed = (await areExact('signed'))
  ? ([{ bits: 8, bytes: 'signed', tolerance: 1e-4, rounding: 0.06 }] as const)
  : [];

describe.each([
  ...signed,
  // 8 bits: the twin rounds as the runtime does, but a tie may fall the other way. 4 bits: the runtime rounds x.
  { bits: 8, bytes: 'unsigned', tolerance: 1e-4, rounding: 0.06 },
  { bits: 4, bytes: undefined, tolerance: 0.015, rounding: 0.25 },
] as const)('in $bits bits, $bytes bytes', ({ bits, bytes, tolerance, rounding }) => {
  const cache = join(folder, `cache-${bits}-${bytes}`);
  const find = openQuantizedWeights([w], { bits, bytes, folder: cache });
  const rewrites = [quantizeWeights(find)];

  it('the runtime computes what the twin says, forward and for the gradient, near the full model', async () => {
    const program = await Program.compile(plain, { rewrites });
    expect(program.rewritten.get('quantizeWeights')).toBe(2);
    const actual = await program.runOnHost(feeds);
    const rounded = evaluate(rewriteGraph(plain, rewrites).outputs, feeds, twin);
    const full = evaluate(plain, feeds, twin);
    for (const name of ['y', 'dx'] as const) {
      compareNumbers(actual[name], rounded[name], { tolerance, message: `${name}: twin` });
      compareNumbers(actual[name], full[name], { tolerance: rounding, message: `${name}: full` });
    }
    await program.dispose();
  });

  it('a row does not depend on the rows beside it', async () => {
    const program = await Program.compile(plain, { rewrites });
    const all = await program.runOnHost(feeds);
    for (const row of [1, ROWS - 1]) {
      const alone = await program.runOnHost({
        x: float32(feeds.x.data.slice(row * INPUTS, (row + 1) * INPUTS), [1, INPUTS]),
        dy: float32(feeds.dy.data.slice(row * OUTPUTS, (row + 1) * OUTPUTS), [1, OUTPUTS]),
      });
      const part = all.y?.data.slice(row * OUTPUTS, (row + 1) * OUTPUTS);
      if (bits === 8) expect(alone.y?.data).toEqual(part);
      else
        compareNumbers(alone.y, { shape: [1, OUTPUTS], data: part ?? [] }, { tolerance: 1e-5, message: '' });
    }
    await program.dispose();
  });

  it('is rounded once, and again when the weights change', () => {
    const own = join(folder, `weights-${bits}-${bytes}.bin`);
    writeFileSync(own, values);
    const tensor = weight('layer.weight', { ...source, file: own }, [OUTPUTS, INPUTS]);
    let steps = 0;
    const options = { bits, bytes, folder: join(folder, `once-${bits}-${bytes}`), onProgress: () => steps++ };
    openQuantizedWeights([tensor], options);
    expect(steps).toBe(2);
    const [made] = readdirSync(options.folder);
    openQuantizedWeights([tensor], options);
    expect(steps).toBe(2);
    utimesSync(own, new Date(), new Date(2001, 1, bits));
    openQuantizedWeights([tensor], options);
    expect(steps).toBe(4);
    expect(readdirSync(options.folder)).toHaveLength(2);
    expect(readdirSync(options.folder)).toContain(made);
  });

  it('leaves weights alone that it does not know', async () => {
    const other = weight('other', source, [OUTPUTS, INPUTS]);
    const graph = { y: matmul(x, other, { transposeB: true }) };
    expect(rewriteGraph(graph, rewrites).applied.size).toBe(0);
  });
});

it('in 8 bits both products use the same numbers', () => {
  const find = openQuantizedWeights([w], { bits: 8, folder: join(folder, 'same') });
  const { forward, backward } = find({ name: 'layer.weight', source, shape: [OUTPUTS, INPUTS] }) ?? {};
  if (forward === undefined || backward === undefined) throw new Error('the weight is not found');
  const [forth, back] = [forward, backward].map(({ numbers }) => new Int8Array(readBytes(numbers).buffer));
  expect(back).toEqual(transposeMatrix(forth as Int8Array, INPUTS, OUTPUTS));
  expect(new Set(back).size).toBeGreaterThan(100);
});
