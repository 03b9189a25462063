import { expect, it } from 'vitest';
import { peakActivationBytes } from './memory.ts';
import { add, input, matmul, neg, reshape, sum } from './ops.ts';

const sizes = new Map([['batch', 3]]);
const x = input('x', 'float32', ['batch', 10]);

it('counts what is alive at once', () => {
  const a = neg(x);
  const b = neg(a);
  const c = neg(b);
  // Two of the three at a time.
  expect(peakActivationBytes([c])(sizes)).toBe(2 * 3 * 10 * 4);
  // The first is kept for the end.
  expect(peakActivationBytes([add(c, a)])(sizes)).toBe(3 * 3 * 10 * 4);
  expect(peakActivationBytes([a, b, c])(sizes)).toBe(3 * 3 * 10 * 4);
});

it('counts no inputs, and a reshaped value once', () => {
  expect(peakActivationBytes([x])(sizes)).toBe(0);
  const a = neg(x);
  expect(peakActivationBytes([reshape(a, [10, 'batch'])])(sizes)).toBe(3 * 10 * 4);
  const back = reshape(reshape(a, [10, 'batch']), ['batch', 10]);
  expect(peakActivationBytes([add(back, sum(x, [0]))])(sizes)).toBe((30 + 10 + 30) * 4);
});

it('follows the sizes', () => {
  const peak = peakActivationBytes([matmul(x, x, { transposeB: true })]);
  expect(peak(sizes)).toBe(9 * 4);
  expect(peak(new Map([['batch', 6]]))).toBe(36 * 4);
});
