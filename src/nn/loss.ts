// Cross-entropy at chosen positions.
import type { Tensor } from '../tensor/graph.ts';
import { cast, equal, iota, logSoftmax, mul, neg, reshape, sum } from '../tensor/ops.ts';

/**
 * Σ weight · −log softmax(logits)[label], a single number [1, 1].
 * logits: [positions, classes]; labels: int32 [positions]; weights: float32 [positions] (1/count for a mean, 0 for padding).
 */
export function crossEntropy(logits: Tensor, labels: Tensor, weights: Tensor): Tensor {
  const [positions, classes] = [logits.dim(0), logits.dim(1)];
  const oneHot = cast(
    equal(reshape(labels, [positions, 1]), reshape(iota(classes), [1, classes])),
    'float32',
  );
  const losses = neg(sum(mul(logSoftmax(logits), oneHot), [1])); // [positions, 1]
  return sum(mul(losses, reshape(weights, [positions, 1])));
}
