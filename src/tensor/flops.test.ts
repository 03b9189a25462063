import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dimSizes, productFlops } from './flops.ts';
import { grad } from './grad.ts';
import { add, input, matmul, mul, reshape, sum } from './ops.ts';
import { addDims, type Dim, evaluateDim, multiplyDims } from './shape.ts';

const x = input('x', 'float32', ['batch', 'tokens', 8]);
const w = input('w', 'float32', [4, 8]);
const sizes = new Map([
  ['batch', 3],
  ['tokens', 5],
]);

describe('productFlops', () => {
  it('counts a product, whichever operand is read transposed', () => {
    const expected = 2 * 3 * 5 * 8 * 4;
    const y = matmul(x, w, { transposeB: true });
    expect(productFlops([y])(sizes)).toBe(expected);
    const columns = input('columns', 'float32', [8, 7]);
    const transposed = matmul(columns, input('rows', 'float32', [8, 2]), { transposeA: true });
    expect(productFlops([transposed])(sizes)).toBe(2 * 7 * 8 * 2);
  });

  it('counts batched products over all leading axes', () => {
    const scores = matmul(x, x, { transposeB: true }); // [batch, tokens, tokens]
    expect(productFlops([scores])(sizes)).toBe(2 * 3 * 5 * 5 * 8);
  });

  it('counts what several outputs share once, and equal products each', () => {
    const y = matmul(x, w, { transposeB: true });
    const again = matmul(add(x, 1), w, { transposeB: true });
    const one = productFlops([y])(sizes);
    expect(productFlops([y, mul(y, 2)])(sizes)).toBe(one);
    expect(productFlops([y, again])(sizes)).toBe(2 * one);
  });

  it('finds a backward pass of two products per forward product whose operands both have gradients', () => {
    const y = matmul(x, w, { transposeB: true });
    const loss = sum(mul(y, y));
    const forward = productFlops([loss])(sizes);
    expect(productFlops([loss, ...grad(loss, [x, w])])(sizes)).toBe(3 * forward);
    expect(productFlops([loss, ...grad(loss, [w])])(sizes)).toBe(2 * forward);
  });

  it('is zero without products', () => expect(productFlops([add(x, 1)])(sizes)).toBe(0));

  it('says which dimension has no size', () => {
    expect(() => productFlops([matmul(x, w, { transposeB: true })])(new Map())).toThrow('"batch"');
  });
});

it('dimSizes reads sizes off what is fed, and ignores what is not an input', () => {
  const y = matmul(reshape(x, [-1, 8]), w, { transposeB: true });
  const feeds = { x: { shape: [3, 5, 8] }, w: { shape: [4, 8] }, other: { shape: [9] } };
  expect(dimSizes([y])(feeds)).toEqual(sizes);
  expect(productFlops([y])(dimSizes([y])(feeds))).toBe(2 * 15 * 8 * 4);
});

it('evaluateDim computes what the expressions stand for', () => {
  const number = fc.integer({ min: 1, max: 50 });
  fc.assert(
    fc.property(number, number, number, (a, b, n) => {
      const values = new Map([
        ['a', a],
        ['b', b],
      ]);
      const sumDim: Dim = addDims('a', n, multiplyDims(2, 'b'));
      expect(evaluateDim(sumDim, values)).toBe(a + n + 2 * b);
      expect(evaluateDim(multiplyDims(sumDim, 'b', 3), values)).toBe((a + n + 2 * b) * b * 3);
      expect(evaluateDim(addDims('a', -1), values)).toBe(a - 1);
    }),
  );
});
