// Comparing tensors in tests: shapes exactly, values by the largest difference over the largest value.
import { expect } from 'vitest';

export interface Comparable {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Fails unless shapes are equal and max |actual − expected| ≤ tolerance · max |expected| (or 0.1 where that is less, as what cancels to little carries the rounding of what went in). Differences of NaN fail. */
export function compareNumbers(
  actual: Comparable | undefined,
  expected: Comparable | undefined,
  { tolerance, message }: { readonly tolerance: number; readonly message: string },
): void {
  expect(actual?.shape, `${message}: shape`).toEqual(expected?.shape);
  if (actual === undefined || expected === undefined) throw new Error(`${message}: nothing to compare`);
  let [largest, worst] = [0, 0];
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [Number(actual.data[i]), Number(expected.data[i])];
    largest = Math.max(largest, Math.abs(b));
    // Equal infinities differ by NaN.
    const difference = a === b ? 0 : Math.abs(a - b);
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  expect(worst, message).toBeLessThanOrEqual(tolerance * Math.max(largest, 0.1));
}
