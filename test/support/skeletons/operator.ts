// An operator to begin one's own from: made of those that are there, so that its gradient follows. As in CONTRIBUTING.md.
import type { Tensor } from '../../../src/tensor/graph.ts';
import { add, exp, less, log, mul, neg, where } from '../../../src/tensor/ops.ts';

/** log(1 + exp(x)), written so that large numbers of either sign stay finite. */
export function softplus(x: Tensor): Tensor {
  const isNegative = less(x, 0);
  const size = mul(x, where(isNegative, -1, 1));
  return add(where(isNegative, 0, x), log(add(exp(neg(size)), 1)));
}
