// Small dense linear algebra on the host, in float64. For what a method computes once per task, and for its claims.
import type { HostTensor } from '../../tensor/dtype.ts';
import type { Values } from '../method.ts';

/** scale·B·A: [outputs, inputs], row-major. b: [outputs, rank], a: [rank, inputs]. */
export function product(b: HostTensor, a: HostTensor, scale = 1): Float64Array {
  const [outputs, rank] = b.shape as [number, number];
  const inputs = a.shape[1] as number;
  const result = new Float64Array(outputs * inputs);
  for (let row = 0; row < outputs; row++) {
    for (let k = 0; k < rank; k++) {
      const factor = (b.data[row * rank + k] as number) * scale;
      if (factor === 0) continue;
      for (let column = 0; column < inputs; column++) {
        const at = row * inputs + column;
        result[at] = (result[at] as number) + factor * (a.data[k * inputs + column] as number);
      }
    }
  }
  return result;
}

export function largestAbsolute(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] as number));
  return largest;
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }
  return largest;
}

export function innerProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] as number) * (b[i] as number);
  return total;
}

/** The largest difference between two sets of tensors with the same names. */
export function valuesDifference(a: Values, b: Values): number {
  if (a.size !== b.size) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [name, { data }] of a) {
    const other = b.get(name)?.data;
    largest = Math.max(
      largest,
      other === undefined ? Number.POSITIVE_INFINITY : largestDifference(data, other),
    );
  }
  return largest;
}
