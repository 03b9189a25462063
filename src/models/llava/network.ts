// LLaVA (Liu et al., 2023): a vision tower's patch features, a two-layer GELU projector, and a decoder of LLaMA's kin
// that reads them in place of the image's placeholder tokens.
import { present } from '../../base/errors.ts';
import { attention, cachedAttention, causalMask, repeatHeads, windowMask } from '../../nn/attention.ts';
import { linear } from '../../nn/layers.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, gelu, matmul, reshape, slice } from '../../tensor/ops.ts';
import type {
  ExtendedSequences,
  ExtendOptions,
  KeyValue,
  ModelNetwork,
  SequenceOptions,
} from '../network.ts';
import { type Attend, llamaDecoder } from '../parts/llama/network.ts';
import type { LlavaConfig } from './config.ts';
import { visionStates } from './vision.ts';
import { HEAD, LANGUAGE_MODEL, PROJECTOR, VISION_TOWER } from './weights.ts';

/** Features of images: the feature layer's state from its first token that counts. [images, 3, h, w] → [images, features, hidden]. */
export function imageFeatures(root: Scope, config: LlavaConfig, pixels: Tensor): Tensor {
  const { featureLayer, skippedTokens, imageTokens } = config;
  const states = visionStates(root.child(VISION_TOWER), config.vision, pixels, featureLayer);
  return slice(states[featureLayer] as Tensor, 1, skippedTokens, imageTokens);
}

/** Patch features in the decoder's space. [rows, visionHidden] → [rows, hidden]. */
export function projectFeatures(root: Scope, config: LlavaConfig, features: Tensor): Tensor {
  const scope = root.child(PROJECTOR);
  const outputs = config.text.hiddenSize;
  const inner = gelu(linear(scope.child('linear_1'), features, { outputs, bias: true }));
  return linear(scope.child('linear_2'), inner, { outputs, bias: true });
}

/** The embedding table: [vocabulary, hidden]. */
export function embeddingTable(root: Scope, config: LlavaConfig): Tensor {
  return root
    .child(LANGUAGE_MODEL)
    .weight('embed_tokens.weight', [config.text.vocabularySize, config.text.hiddenSize]);
}

/** As `ModelNetwork.decode`; positions have one axis. */
export function decodeSequence(
  root: Scope,
  config: LlavaConfig,
  embeddings: Tensor,
  options: SequenceOptions,
): Tensor {
  const { mask = causalMask(embeddings.dim(1)), keep, rows } = options;
  const positions = onlyAxis(options.positions);
  const { heads } = config.text;
  const masks = windowedMasks(mask, positions);
  const attend: Attend = (layer, q, k, v) => {
    keep?.(layer, { k, v });
    const seen = masks(config.text.windows[layer]);
    return attention(q, repeatHeads(k, heads), repeatHeads(v, heads), seen);
  };
  return llamaDecoder(root.child(LANGUAGE_MODEL), config.text, embeddings, positions, attend, rows);
}

/** int32 [1, batch, tokens] → [batch, tokens]. */
function onlyAxis(positions: Tensor): Tensor {
  return reshape(positions, positions.shape.slice(1));
}

/** A mask narrowed to a window, made once for all layers that share it. */
function windowedMasks(mask: Tensor, positions: Tensor): (window: number | undefined) => Tensor {
  const made = new Map<number, Tensor>();
  return (window) => {
    if (window === undefined) return mask;
    const known = made.get(window) ?? add(mask, windowMask(positions, window));
    made.set(window, known);
    return known;
  };
}

/** As `ModelNetwork.extend`. */
export function extendSequences(
  root: Scope,
  config: LlavaConfig,
  embeddings: Tensor,
  { begun, positions, rows }: ExtendOptions,
): ExtendedSequences {
  const added: KeyValue[] = [];
  const attend: Attend = (layer, q, k, v) => {
    const past = present(begun.caches[layer], `the cache of layer ${layer}`);
    added.push({ k, v });
    return cachedAttention(q, { ...past, length: begun.lengths }, { k, v }, config.text.windows[layer]);
  };
  const decoder = root.child(LANGUAGE_MODEL);
  return {
    hidden: llamaDecoder(decoder, config.text, embeddings, onlyAxis(positions), attend, rows),
    added,
  };
}

/** Scores over the vocabulary. hidden: [..., hidden]. */
export function vocabularyLogits(root: Scope, config: LlavaConfig, hidden: Tensor): Tensor {
  const { vocabularySize, tiedEmbeddings } = config.text;
  if (!tiedEmbeddings) return linear(root.child(HEAD), hidden, { outputs: vocabularySize });
  const logits = matmul(hidden, embeddingTable(root, config), { transposeB: true });
  // An adapter of the head is the head's alone, also where the weight is not.
  return root.adapter?.adapt(HEAD, hidden, logits) ?? logits;
}

/** The pieces for shared code, of one configuration. */
export function llavaNetwork(config: LlavaConfig): ModelNetwork {
  return {
    images: (root, features) => projectFeatures(root, config, features),
    table: (root) => embeddingTable(root, config),
    decode: (root, embeddings, options) => decodeSequence(root, config, embeddings, options),
    extend: (root, embeddings, options) => extendSequences(root, config, embeddings, options),
    logits: (root, hidden) => vocabularyLogits(root, config, hidden),
  };
}
