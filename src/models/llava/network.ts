// LLaVA (Liu et al., 2023): a vision tower's patch features, a two-layer GELU projector, and a decoder of LLaMA's kin
// that reads them in place of the image's placeholder tokens.
import { present } from '../../base/errors.ts';
import { attention, cachedAttention, causalMask, repeatHeads, windowMask } from '../../nn/attention.ts';
import { linear } from '../../nn/layers.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, flatten, gather, gelu, iota, less, matmul, reshape, slice, where } from '../../tensor/ops.ts';
import { type Attend, llamaDecoder } from '../parts/llama/network.ts';
import type { LlavaConfig } from './config.ts';
import { visionStates } from './vision.ts';
import { HEAD, LANGUAGE_MODEL, PROJECTOR, VISION_TOWER } from './weights.ts';

export interface KeyValue {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Features of images: the feature layer's state from its first token that counts. [images, 3, h, w] → [images, features, hidden]. */
export function imageFeatures(root: Scope, config: LlavaConfig, pixels: Tensor): Tensor {
  const { featureLayer, skippedTokens, imageTokens } = config;
  const states = visionStates(root.child(VISION_TOWER), config.vision, pixels, featureLayer);
  return slice(states[featureLayer] as Tensor, 1, skippedTokens, imageTokens);
}

/** Patch features in the decoder's space. [images, patches, visionHidden] → [images, patches, hidden]. */
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

/**
 * Token embeddings with image features put in. ids: int32 [batch, tokens]; projected: [images, patches, hidden];
 * imageRows: int32 [batch, tokens], the row of the flattened features that stands at a position, -1 for text.
 */
export function mergedEmbeddings(
  root: Scope,
  config: LlavaConfig,
  ids: Tensor,
  projected: Tensor,
  imageRows: Tensor,
): Tensor {
  const isText = less(imageRows, 0);
  const images = gather(flatten(projected, 2), where(isText, 0, imageRows));
  const lookup = (rows: Tensor) => gather(embeddingTable(root, config), rows);
  // A placeholder need not be a row of the table.
  const wordIds = where(isText, ids, 0);
  const words = root.adapter?.embed?.(wordIds, lookup) ?? lookup(wordIds);
  return where(reshape(isText, [ids.dim(0), ids.dim(1), 1]), words, images); // [batch, tokens, hidden]
}

/** How a sequence differs from one text read from its start: its own positions and mask, and who gets its caches. */
export interface SequenceOptions {
  /** int32 [batch, tokens]; by default 0, 1, 2, … */
  readonly positions?: Tensor;
  /** Additive, broadcast to [batch, heads, query, key]; by default causal. */
  readonly mask?: Tensor;
  readonly keep?: (layer: number, cache: KeyValue) => void;
  /** int32 [n] into batch·tokens: only these states are computed. */
  readonly rows?: Tensor;
}

/** Last hidden states of whole sequences, right-padded. embeddings: [batch, tokens, hidden]; with `rows`, [n, hidden]. */
export function decodeSequence(
  root: Scope,
  config: LlavaConfig,
  embeddings: Tensor,
  options: SequenceOptions = {},
): Tensor {
  const tokens = embeddings.dim(1);
  const { positions = iota(tokens), mask = causalMask(tokens), keep, rows } = options;
  const { heads } = config.text;
  const masks = windowedMasks(mask, positions);
  const attend: Attend = (layer, q, k, v) => {
    keep?.(layer, { k, v });
    const seen = masks(config.text.windows[layer]);
    return attention(q, repeatHeads(k, heads), repeatHeads(v, heads), seen);
  };
  return llamaDecoder(root.child(LANGUAGE_MODEL), config.text, embeddings, positions, attend, rows);
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

/** Sequences that are begun: their caches, of which the first `lengths` (int32 [batch]) tokens of a row are read. */
export interface BegunSequences {
  readonly lengths: Tensor;
  readonly caches: readonly KeyValue[]; // per layer [batch, kvHeads, past, headSize]
}

/**
 * Reads more tokens of begun sequences, right-padded. embeddings: [batch, tokens, hidden]; rows: int32 [n] into
 * batch·tokens. The last hidden states of those rows, [n, hidden], and the caches of the tokens added.
 */
export function extendSequences(
  root: Scope,
  config: LlavaConfig,
  embeddings: Tensor,
  { begun, rows }: { readonly begun: BegunSequences; readonly rows: Tensor },
): { readonly hidden: Tensor; readonly added: readonly KeyValue[] } {
  const [batch, tokens] = [embeddings.dim(0), embeddings.dim(1)];
  const positions = add(reshape(begun.lengths, [batch, 1]), reshape(iota(tokens), [1, tokens]));
  const added: KeyValue[] = [];
  const attend: Attend = (layer, q, k, v) => {
    const past = present(begun.caches[layer], `the cache of layer ${layer}`);
    added.push({ k, v });
    return cachedAttention(q, { ...past, length: begun.lengths }, { k, v }, config.text.windows[layer]);
  };
  const decoder = root.child(LANGUAGE_MODEL);
  return { hidden: llamaDecoder(decoder, config.text, embeddings, positions, attend, rows), added };
}

/** Scores over the vocabulary. hidden: [..., hidden]. */
export function vocabularyLogits(root: Scope, config: LlavaConfig, hidden: Tensor): Tensor {
  const { vocabularySize, tiedEmbeddings } = config.text;
  if (!tiedEmbeddings) return linear(root.child(HEAD), hidden, { outputs: vocabularySize });
  const logits = matmul(hidden, embeddingTable(root, config), { transposeB: true });
  // An adapter of the head is the head's alone, also where the weight is not.
  return root.adapter?.adapt(HEAD, hidden, logits) ?? logits;
}

/** Rows of flattened states. hidden: [batch, tokens, size]; rows: int32 [n] into batch·tokens; result [n, size]. */
export function statesAt(hidden: Tensor, rows: Tensor): Tensor {
  return gather(flatten(hidden, 2), rows);
}
