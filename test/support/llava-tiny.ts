// The fixture `llava-tiny` as a traced model: graph, feeds of its one batch, and the places of its answer tokens.
import type { Adapter } from '../../src/adapters/index.ts';
import { openCheckpoint } from '../../src/formats/weights/checkpoint.ts';
import { type LlavaConfig, readLlavaConfig } from '../../src/models/llava/config.ts';
import { tracedLlava } from '../../src/models/llava/model.ts';
import {
  decodeSequence,
  imageFeatures,
  llavaNetwork,
  projectFeatures,
  vocabularyLogits,
} from '../../src/models/llava/network.ts';
import { llavaShape } from '../../src/models/llava/shape.ts';
import { LlavaWeights, PROJECTOR } from '../../src/models/llava/weights.ts';
import { type KeyValue, mergedEmbeddings } from '../../src/models/network.ts';
import { crossEntropy } from '../../src/nn/loss.ts';
import { Scope, type WeightProvider } from '../../src/nn/scope.ts';
import { float32, type HostTensor, int32 } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import { flatten, gather, input } from '../../src/tensor/ops.ts';
import { positionsInOrderOf } from './models/sequences.ts';
import { fixturePath, readFixture } from './parity.ts';

export const fixture = readFixture('llava-tiny');
export const config: LlavaConfig = readLlavaConfig(fixturePath('llava-tiny', 'model'));
const tinyConfig = config;
export const weights = new LlavaWeights(openCheckpoint(fixturePath('llava-tiny', 'model')));
export const shape = llavaShape(config);
/** What shared code sees of it. */
export const model = {
  ...tracedLlava(config),
  weights,
  padTokenId: config.padTokenId,
  endTokenIds: config.endTokenIds,
};

export const projectorNames = ['linear_1.weight', 'linear_1.bias', 'linear_2.weight', 'linear_2.bias'].map(
  (name) => `${PROJECTOR}.${name}`,
);

export interface TracedModel {
  readonly root: Scope;
  readonly provider: WeightProvider;
  /** [images, patches, visionHidden], class token dropped. */
  readonly features: Tensor;
  /** [images·patches, hidden]. */
  readonly projected: Tensor;
  /** [batch, tokens, vocabulary]. */
  readonly logits: Tensor;
  /** Mean over the answer tokens, [1, 1]. */
  readonly loss: Tensor;
  readonly caches: readonly KeyValue[];
}

/** The whole model over `pixels`, `ids`, `image_rows`; the loss over `answer_rows`, `answer_labels`, `answer_weights`. */
export function traceLlava(
  adapter?: Adapter,
  trainable: ReadonlySet<string> = new Set(),
  from: LlavaWeights = weights,
  config: LlavaConfig = tinyConfig,
): TracedModel {
  const provider = from.provider(trainable);
  const root = new Scope(provider, '', adapter);
  const { imageSize } = config.vision;
  const pixels = input('pixels', 'float32', ['images', 3, imageSize, imageSize]);
  const ids = input('ids', 'int32', ['batch', 'tokens']);
  const imageRows = input('image_rows', 'int32', ['batch', 'tokens']);
  const features = imageFeatures(root, config, pixels);
  const projected = projectFeatures(root, config, flatten(features, 2));
  const caches: KeyValue[] = [];
  const embeddings = mergedEmbeddings(llavaNetwork(config), root, { ids, images: projected, imageRows });
  const hidden = decodeSequence(root, config, embeddings, {
    positions: positionsInOrderOf(embeddings),
    keep: (_, cache) => caches.push(cache),
  });
  const logits = vocabularyLogits(root, config, hidden);
  const answers = gather(flatten(hidden, 2), input('answer_rows', 'int32', ['answers']));
  const loss = crossEntropy(
    vocabularyLogits(root, config, answers),
    input('answer_labels', 'int32', ['answers']),
    input('answer_weights', 'float32', ['answers']),
  );
  return { root, provider, features, projected, logits, loss, caches };
}

/** For each position, the row of the flattened image features that stands there; -1 for text. */
export function imageRowsOf(ids: ArrayLike<number>): Int32Array {
  let next = 0;
  return Int32Array.from(ids, (id) => (id === config.imageTokenId ? next++ : -1));
}

/** Feeds of the batch's rows [first, end), whose answers are weighted as part of the whole batch. */
export function batchFeeds(first = 0, end = 2): Record<string, HostTensor> {
  const { inputs } = fixture;
  const part = (name: string): HostTensor => {
    const { data, shape, dtype } = inputs.get(name);
    const size = data.length / (shape[0] as number);
    const values = data.slice(first * size, end * size);
    const partShape = [end - first, ...shape.slice(1)];
    return dtype === 'float32'
      ? float32(values as Float32Array, partShape)
      : int32(values as Int32Array, partShape);
  };
  const ids = part('input_ids');
  const labels = part('labels').data;
  const tokens = ids.shape[1] as number;
  const isAnswer = (label: number) => label !== -100;
  // The state before a token predicts it.
  const places = [...labels.keys()].filter((i) => i % tokens > 0 && isAnswer(labels[i] as number));
  const all = [...inputs.get('labels').data].filter(isAnswer).length;
  return {
    pixels: part('pixel_values'),
    ids,
    image_rows: int32(imageRowsOf(ids.data), ids.shape),
    answer_rows: int32(
      places.map((i) => i - 1),
      [places.length],
    ),
    answer_labels: int32(
      places.map((i) => labels[i] as number),
      [places.length],
    ),
    answer_weights: float32(
      places.map(() => 1 / all),
      [places.length],
    ),
  };
}

/** Logits with those at padding set to zero, as the fixture has them. */
export function withoutPadding(logits: HostTensor): HostTensor {
  const mask = fixture.inputs.get('attention_mask').data;
  const size = logits.shape.at(-1) as number;
  return float32(
    (logits.data as Float32Array).map((value, i) => value * (mask[Math.floor(i / size)] as number)),
    logits.shape,
  );
}
