// Token sequences become the feeds of a training step: right-padded ids, which image row stands where, and the answer
// positions with their labels. Nothing here runs a model or reads a file.
import type { LlavaConfig } from '../models/llava/config.ts';
import { float32, type HostTensor, int32 } from '../tensor/dtype.ts';

/** A conversation as tokens. The image's placeholder is already repeated once per patch. */
export interface TokenizedSample {
  readonly inputIds: Int32Array;
  /** 1 where the token is one the model must learn to say (an answer token or the end of sequence), else 0. */
  readonly trained: Uint8Array;
  /** Absent for text-only samples. */
  readonly features?: Float32Array | undefined;
}

export interface BatchOptions {
  readonly imageTokenId: number;
  readonly padTokenId: number;
  readonly imageTokens: number;
  readonly featureSize: number;
  /** What the weights of the answer positions add up to across all batches of a step: 1/total each. */
  readonly totalAnswers: number;
}

/** What batches need to know of a model. */
export function batchOptions(config: LlavaConfig): Omit<BatchOptions, 'totalAnswers'> {
  return {
    imageTokenId: config.imageTokenId,
    padTokenId: config.padTokenId,
    imageTokens: config.imageTokens,
    featureSize: config.vision.hiddenSize,
  };
}

/** Answer tokens of some samples: the number a step's loss is a mean over. */
export function countAnswers(samples: readonly TokenizedSample[]): number {
  let total = 0;
  for (const { trained } of samples) for (let i = 1; i < trained.length; i++) total += trained[i] as number;
  return total;
}

export interface TrainingBatch {
  /** int32 [batch, tokens] */
  readonly ids: HostTensor;
  /** float32 [images, patches, size]; at least one image, of zeros where the batch has none. */
  readonly features: HostTensor;
  /** int32 [batch, tokens]: row of the flattened features, -1 for text. */
  readonly imageRows: HostTensor;
  /** int32 [answers]: flat positions whose next token is an answer token. */
  readonly answerRows: HostTensor;
  /** int32 [answers] */
  readonly labels: HostTensor;
  /** float32 [answers] */
  readonly weights: HostTensor;
  /** int32 [answers]: which of the batch's samples an answer position is of. */
  readonly answerSamples: HostTensor;
}

/** Throws when a sample has no answer token or its placeholders do not match its image. */
export function trainingBatch(samples: readonly TokenizedSample[], options: BatchOptions): TrainingBatch {
  const { ids, imageRows, features, tokens } = promptBatch(samples, options);
  const rows: number[] = [];
  const labels: number[] = [];
  const owners: number[] = [];
  samples.forEach(({ inputIds, trained }, row) => {
    const before = rows.length;
    for (let i = 1; i < inputIds.length; i++) {
      if (trained[i] !== 1) continue;
      rows.push(row * tokens + i - 1);
      labels.push(inputIds[i] as number);
      owners.push(row);
    }
    if (rows.length === before) throw new Error('batch: a sample has no answer token');
  });
  const weights = new Float32Array(rows.length).fill(1 / options.totalAnswers);
  const count = [rows.length];
  return {
    ids,
    imageRows,
    features,
    answerRows: int32(rows, count),
    labels: int32(labels, count),
    weights: float32(weights, count),
    answerSamples: int32(owners, count),
  };
}

export interface PromptBatch {
  readonly ids: HostTensor;
  readonly imageRows: HostTensor;
  readonly features: HostTensor;
  /** int32 [batch]: tokens before the padding. */
  readonly lengths: HostTensor;
  /** Padded length. */
  readonly tokens: number;
}

/** Right-padded token rows with their images; `slots` rows at least, the surplus filled with one padding token each. */
export function promptBatch(
  samples: readonly Pick<TokenizedSample, 'inputIds' | 'features'>[],
  options: Omit<BatchOptions, 'totalAnswers'>,
  slots = samples.length,
): PromptBatch {
  const { imageTokenId, padTokenId, imageTokens, featureSize } = options;
  const rows = Math.max(slots, samples.length);
  const tokens = Math.max(1, ...samples.map(({ inputIds }) => inputIds.length));
  const ids = new Int32Array(rows * tokens).fill(padTokenId);
  const imageRows = new Int32Array(rows * tokens).fill(-1);
  const lengths = new Int32Array(rows).fill(1);
  const images = samples.flatMap(({ features }) => (features === undefined ? [] : [features]));
  // At least one image, so that the feature input is never empty.
  const features = new Float32Array(Math.max(1, images.length) * imageTokens * featureSize);
  let image = 0;
  samples.forEach(({ inputIds, features: own }, row) => {
    ids.set(inputIds, row * tokens);
    lengths[row] = inputIds.length;
    let placed = 0;
    inputIds.forEach((id, i) => {
      if (id === imageTokenId) imageRows[row * tokens + i] = image * imageTokens + placed++;
    });
    if (placed !== (own === undefined ? 0 : imageTokens)) {
      throw new Error(
        `batch: ${placed} image tokens, but ${own === undefined ? 'no image' : `an image of ${imageTokens}`}`,
      );
    }
    if (own !== undefined) features.set(own, image++ * imageTokens * featureSize);
  });
  return {
    ids: int32(ids, [rows, tokens]),
    imageRows: int32(imageRows, [rows, tokens]),
    features: float32(features, [Math.max(1, images.length), imageTokens, featureSize]),
    lengths: int32(lengths, [rows]),
    tokens,
  };
}
