// Token sequences become the feeds of a training step: right-padded ids, each token's position, which row of the images
// stands where, and the answer positions with their labels. Nothing here runs a model or reads a file.
import type { OpenModel } from '../models/family.ts';
import { requireRows, type TokenSequence, type TrainingSequence } from '../models/sequence.ts';
import { float32, type HostTensor, int32 } from '../tensor/dtype.ts';

/** A conversation as tokens, with what stands at its image's places. */
export interface TokenizedSample extends TrainingSequence {
  /** [rows, featureSize], of as many rows as its image has. Absent for text-only samples. */
  readonly features?: Float32Array | undefined;
}

export interface BatchOptions {
  readonly padTokenId: number;
  readonly featureSize: number;
  readonly positionAxes: number;
  /** What the weights of the answer positions add up to across all batches of a step: 1/total each. */
  readonly totalAnswers: number;
}

/** What batches need to know of a model. */
export function batchOptions({
  padTokenId,
  shape,
}: Pick<OpenModel, 'padTokenId' | 'shape'>): Omit<BatchOptions, 'totalAnswers'> {
  return { padTokenId, featureSize: shape.featureSize, positionAxes: shape.positionAxes };
}

/** Answer tokens of some samples: the number a step's loss is a mean over. */
export function countAnswers(samples: readonly Pick<TokenizedSample, 'trained'>[]): number {
  let total = 0;
  for (const { trained } of samples) for (let i = 1; i < trained.length; i++) total += trained[i] as number;
  return total;
}

export interface TrainingBatch {
  /** int32 [batch, tokens] */
  readonly ids: HostTensor;
  /** int32 [axes, batch, tokens] */
  readonly positions: HostTensor;
  /** float32 [rows, featureSize], all images' one after another; one row of zeros where the batch has none. */
  readonly features: HostTensor;
  /** int32 [batch, tokens]: row of the features, -1 for text. */
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

/** Throws when a sample has no answer token or has places for an image that it does not have. */
export function trainingBatch(samples: readonly TokenizedSample[], options: BatchOptions): TrainingBatch {
  const { ids, positions, imageRows, features, tokens } = promptBatch(samples, options);
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
    positions,
    imageRows,
    features,
    answerRows: int32(rows, count),
    labels: int32(labels, count),
    weights: float32(weights, count),
    answerSamples: int32(owners, count),
  };
}

export interface PromptBatch extends Pick<TrainingBatch, 'ids' | 'positions' | 'imageRows' | 'features'> {
  /** Padded length. */
  readonly tokens: number;
}

/** Right-padded token rows with their images. */
export function promptBatch(
  samples: readonly (Pick<TokenSequence, 'inputIds' | 'imageRows' | 'positions'> &
    Pick<TokenizedSample, 'features'>)[],
  options: Omit<BatchOptions, 'totalAnswers'>,
): PromptBatch {
  const { padTokenId, featureSize, positionAxes } = options;
  const rows = samples.length;
  const tokens = Math.max(1, ...samples.map(({ inputIds }) => inputIds.length));
  const ids = new Int32Array(rows * tokens).fill(padTokenId);
  const imageRows = new Int32Array(rows * tokens).fill(-1);
  const positions = new Int32Array(positionAxes * rows * tokens);
  const numbers = samples.reduce((total, sample) => total + (sample.features?.length ?? 0), 0);
  // At least one row, so that the feature input is never empty.
  const features = new Float32Array(Math.max(featureSize, numbers));
  let placed = 0;
  samples.forEach((sample, row) => {
    const { inputIds, features: own } = sample;
    ids.set(inputIds, row * tokens);
    for (let axis = 0; axis < positionAxes; axis++) {
      const start = axis * inputIds.length;
      positions.set(sample.positions.subarray(start, start + inputIds.length), (axis * rows + row) * tokens);
    }
    requireRows(sample, featureSize);
    const first = placed / featureSize;
    sample.imageRows.forEach((own, i) => {
      if (own >= 0) imageRows[row * tokens + i] = first + own;
    });
    if (own === undefined) return;
    features.set(own, placed);
    placed += own.length;
  });
  return {
    ids: int32(ids, [rows, tokens]),
    positions: int32(positions, [positionAxes, rows, tokens]),
    imageRows: int32(imageRows, [rows, tokens]),
    features: float32(features, [features.length / featureSize, featureSize]),
    tokens,
  };
}
