// The instruction-tuning loss of LLaVA: cross-entropy on answer tokens, with the vocabulary computed at those positions
// only.
import type { LlavaConfig } from '../models/llava/config.ts';
import {
  decodeSequence,
  mergedEmbeddings,
  projectFeatures,
  type SequenceOptions,
  vocabularyLogits,
} from '../models/llava/network.ts';
import { segmentMask } from '../nn/attention.ts';
import { crossEntropy } from '../nn/loss.ts';
import type { Scope } from '../nn/scope.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input } from '../tensor/ops.ts';

/** What the loss is made of: logits at the answer positions, the tokens wanted there, and their weights. */
export interface AnswerLogits {
  /** [answers, vocabulary] */
  readonly logits: Tensor;
  /** int32 [answers] */
  readonly labels: Tensor;
  /** [answers] */
  readonly weights: Tensor;
}

/** The cross-entropy of `answerLogits`, one number. */
export function instructionLoss(
  root: Scope,
  config: LlavaConfig,
  options: { packed?: boolean } = {},
): Tensor {
  const { logits, labels, weights } = answerLogits(root, config, options);
  return crossEntropy(logits, labels, weights);
}

/** The inputs are those of `TrainingBatch`; with `packed` also those of `packedLayout`. */
export function answerLogits(root: Scope, config: LlavaConfig, { packed = false } = {}): AnswerLogits {
  const ids = input('ids', 'int32', ['batch', 'tokens']);
  const imageRows = input('imageRows', 'int32', ['batch', 'tokens']);
  const features = input('features', 'float32', ['images', config.imageTokens, config.vision.hiddenSize]);
  const embeddings = mergedEmbeddings(root, config, ids, projectFeatures(root, config, features), imageRows);
  const rows = input('answerRows', 'int32', ['answers']);
  const answers = decodeSequence(root, config, embeddings, { ...(packed ? packedInputs() : {}), rows });
  return {
    logits: vocabularyLogits(root, config, answers),
    labels: input('labels', 'int32', ['answers']),
    weights: input('weights', 'float32', ['answers']),
  };
}

/** Turns that share an image side by side, each blind to the others: the inputs that say so. */
function packedInputs(): SequenceOptions {
  const segments = input('segments', 'int32', ['batch', 'tokens']);
  return { positions: input('positions', 'int32', ['batch', 'tokens']), mask: segmentMask(segments) };
}
