// Small compositions of operators that several methods' losses are made of.
import type { Tensor } from '../../tensor/graph.ts';
import { add, constant, less, neg, reshape, where } from '../../tensor/ops.ts';

/** |x|; its gradient at zero is that of x. */
export const absolute = (x: Tensor): Tensor => where(less(x, 0), neg(x), x);

/** The sum of some single numbers, [1, 1]. */
export function total(numbers: readonly Tensor[]): Tensor {
  return numbers
    .map((number) => reshape(number, [1, 1]))
    .reduce((sum, number) => add(sum, number), reshape(constant(0), [1, 1]));
}
