import { describe, expect, it } from 'vitest';
import { float32, int32 } from './dtype.ts';
import { grad } from './grad.ts';
import {
  add,
  constant,
  gather,
  input,
  logSoftmax,
  matmul,
  mul,
  randomUniform,
  reshape,
  slice,
  sum,
} from './ops.ts';
import { printGraph } from './print.ts';
import { floats, Program } from './program.ts';
import { randomUniformAt } from './random-hash.ts';

describe('Program', () => {
  it('runs a graph and its gradient at several batch sizes', async () => {
    const x = input('x', 'float32', ['batch', 3]);
    const w = input('w', 'float32', [2, 3]);
    const y = matmul(x, w, { transposeB: true });
    const loss = sum(mul(y, y));
    const [dw] = grad(loss, [w]);
    const program = await Program.compile({ loss, dw: dw! });
    for (const batch of [1, 4]) {
      const xs = Float32Array.from({ length: batch * 3 }, (_, i) => (i % 5) - 2);
      const ws = [1, -1, 2, 0.5, 0, -2];
      const result = await program.run({ x: float32(xs, [batch, 3]), w: float32(ws, [2, 3]) });
      const expected = new Float32Array(6);
      for (let b = 0; b < batch; b++)
        for (let o = 0; o < 2; o++) {
          let value = 0;
          for (let i = 0; i < 3; i++) value += xs[b * 3 + i]! * ws[o * 3 + i]!;
          for (let i = 0; i < 3; i++) expected[o * 3 + i]! += 2 * value * xs[b * 3 + i]!;
        }
      expect([...floats(result.dw)]).toEqual([...expected]);
    }
    await program.dispose();
  });

  it('names the input whose shape is wrong', async () => {
    const program = await Program.compile({ y: add(input('x', 'float32', ['n', 2]), 1) });
    await expect(program.run({ x: float32([1, 2, 3], [1, 3]) })).rejects.toThrow(
      'input "x" must be float32[n, 2]',
    );
    await expect(program.run({})).rejects.toThrow('input "x" [n, 2] is not fed');
    await program.dispose();
  });

  it('draws the same random numbers as the plain twin', async () => {
    const key = input('key', 'int32', []);
    const n = input('n', 'float32', ['rows']);
    const program = await Program.compile({
      u: add(randomUniform(key, 3, ['rows', 5]), mul(reshape(n, ['rows', 1]), 0)),
    });
    const result = await program.run({ key: int32([-12345], []), n: float32(new Float32Array(4), [4]) });
    expect([...floats(result.u)]).toEqual(
      Array.from({ length: 20 }, (_, i) => randomUniformAt(-12345, 3, i)),
    );
    await program.dispose();
  });

  it('prints a graph readably', () => {
    const x = input('x', 'float32', ['n', 4]);
    expect(printGraph({ y: slice(logSoftmax(x), 1, 1, 2) })).toMatchInlineSnapshot(`
      "%0 = input() {name: x, dtype: float32, shape: [n, 4]} : float32[n, 4]
      %1 = max(%0) {axis: 1} : float32[n, 1]
      %2 = stopGradient(%1) : float32[n, 1]
      %3 = sub(%0, %2) : float32[n, 4]
      %4 = exp(%3) : float32[n, 4]
      %5 = sum(%4) {axes: [1]} : float32[n, 1]
      %6 = log(%5) : float32[n, 1]
      %7 = sub(%3, %6) : float32[n, 4]
      %8 = slice(%7) {axis: 1, start: 1, size: 2} : float32[n, 2]
      return y = %8"
    `);
  });

  it('sums the gradient of repeated rows', async () => {
    const table = input('table', 'float32', [4, 2]);
    const ids = input('ids', 'int32', ['n']);
    const [dt] = grad(sum(mul(gather(table, ids), constant(float32([1, 10], [2])))), [table]);
    const program = await Program.compile({ dt: dt! });
    const feeds = { table: float32(new Float32Array(8), [4, 2]), ids: int32([1, 3, 1], [3]) };
    const inputs = Object.fromEntries(
      Object.entries(feeds).filter(([name]) => program.inputNames.includes(name)),
    );
    expect([...floats((await program.run(inputs)).dt)]).toEqual([0, 0, 2, 20, 0, 0, 1, 10]);
    await program.dispose();
  });
});
