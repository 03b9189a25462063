// The instruction-tuning loss: cross-entropy on answer tokens, with the vocabulary computed at those positions only.
import type { ModelOutline } from '../models/family.ts';
import { mergedEmbeddings } from '../models/network.ts';
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

/** What of a model the loss is traced from. */
export type LossModel = Pick<ModelOutline, 'shape' | 'network'>;

/** The cross-entropy of `answerLogits`, one number. */
export function instructionLoss(root: Scope, model: LossModel, options: { packed?: boolean } = {}): Tensor {
  const { logits, labels, weights } = answerLogits(root, model, options);
  return crossEntropy(logits, labels, weights);
}

/**
 * The inputs are those of `TrainingBatch`. `packed`: turns that share an image stand side by side, each blind to the
 * others, by the input of `packedSegments`.
 */
export function answerLogits(
  root: Scope,
  { shape, network }: LossModel,
  { packed = false } = {},
): AnswerLogits {
  const { embeddings, positions } = sequenceInputs(root, { shape, network });
  const rows = input('answerRows', 'int32', ['answers']);
  const mask = packed ? segmentMask(input('segments', 'int32', ['batch', 'tokens'])) : undefined;
  const answers = network.decode(root, embeddings, { positions, rows, ...(mask && { mask }) });
  return {
    logits: network.logits(root, answers),
    labels: input('labels', 'int32', ['answers']),
    weights: input('weights', 'float32', ['answers']),
  };
}

/** Whole sequences as they are fed (`PromptBatch`): embeddings [batch, tokens, hidden], positions [axes, batch, tokens]. */
export function sequenceInputs(
  root: Scope,
  { shape, network }: LossModel,
): { readonly embeddings: Tensor; readonly positions: Tensor } {
  const features = input('features', 'float32', ['rows', shape.featureSize]);
  const embeddings = mergedEmbeddings(network, root, {
    ids: input('ids', 'int32', ['batch', 'tokens']),
    images: network.images(root, features),
    imageRows: input('imageRows', 'int32', ['batch', 'tokens']),
  });
  return { embeddings, positions: input('positions', 'int32', [shape.positionAxes, 'batch', 'tokens']) };
}
