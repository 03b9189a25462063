// The instruction-tuning loss of LLaVA: cross-entropy on answer tokens, with the vocabulary computed at those positions
// only.
import type { LlavaConfig } from '../models/llava/config.ts';
import {
  decodeSequence,
  mergedEmbeddings,
  projectFeatures,
  statesAt,
  vocabularyLogits,
} from '../models/llava/network.ts';
import { crossEntropy } from '../nn/loss.ts';
import type { Scope } from '../nn/scope.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input } from '../tensor/ops.ts';

/** The inputs are those of `TrainingBatch`; `features` may be given as a tensor instead of being fed. */
export function instructionLoss(
  root: Scope,
  config: LlavaConfig,
  features: Tensor = featureInput(config),
): Tensor {
  const ids = input('ids', 'int32', ['batch', 'tokens']);
  const imageRows = input('imageRows', 'int32', ['batch', 'tokens']);
  const projected = projectFeatures(root, config, features);
  const hidden = decodeSequence(root, config, mergedEmbeddings(root, config, ids, projected, imageRows));
  const answers = statesAt(hidden, input('answerRows', 'int32', ['answers']));
  const logits = vocabularyLogits(root, config, answers); // [answers, vocabulary]
  return crossEntropy(
    logits,
    input('labels', 'int32', ['answers']),
    input('weights', 'float32', ['answers']),
  );
}

export function featureInput(config: LlavaConfig): Tensor {
  return input('features', 'float32', ['images', config.imageTokens, config.vision.hiddenSize]);
}
