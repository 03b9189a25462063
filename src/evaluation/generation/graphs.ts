// The programs of generation. One reads tokens after what a cache holds, whether a prompt's beginning, its rest or a
// single answer token; another brings patch features into the decoder's space, once per image; the third moves caches on a device.
import type { LlavaConfig } from '../../models/llava/config.ts';
import {
  extendSequences,
  type KeyValue,
  mergedEmbeddings,
  projectFeatures,
  vocabularyLogits,
} from '../../models/llava/network.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Tensor } from '../../tensor/graph.ts';
import {
  add,
  argmax,
  equal,
  flatten,
  gather,
  input,
  iota,
  less,
  mul,
  reshape,
  where,
} from '../../tensor/ops.ts';

/** Names of the caches of all layers: `past.k.0`, `past.v.0`, `past.k.1`, … */
export function cacheNames({ text }: LlavaConfig, kind: 'past' | 'added' | 'placed'): string[] {
  return Array.from({ length: text.layers }, (_, layer) => [
    `${kind}.k.${layer}`,
    `${kind}.v.${layer}`,
  ]).flat();
}

/** `projected` [images, patches, hidden] of `features` [images, patches, visionHidden]. */
export function projectGraph(root: Scope, config: LlavaConfig): Record<string, Tensor> {
  const features = input('features', 'float32', ['images', config.imageTokens, config.vision.hiddenSize]);
  return { projected: projectFeatures(root, config, features) };
}

/**
 * Reads `ids` [batch, tokens] after the first `lengths` [batch] tokens of the caches `past.{k,v}.<layer>`. `imageRows`
 * says which row of `images` stands at a position, -1 for text. Gives `next`, the most likely token after each of
 * `lastRows` [batch] (into batch·tokens), and the caches of the tokens read, `added.{k,v}.<layer>`.
 */
export function extendGraph(root: Scope, config: LlavaConfig): Record<string, Tensor> {
  const { hiddenSize, kvHeads, headSize, layers } = config.text;
  const cache = (name: string) => input(name, 'float32', ['batch', kvHeads, 'past', headSize]);
  const caches = Array.from(
    { length: layers },
    (_, layer): KeyValue => ({ k: cache(`past.k.${layer}`), v: cache(`past.v.${layer}`) }),
  );
  const embeddings = mergedEmbeddings(
    root,
    config,
    input('ids', 'int32', ['batch', 'tokens']),
    input('images', 'float32', ['images', config.imageTokens, hiddenSize]),
    input('imageRows', 'int32', ['batch', 'tokens']),
  );
  const { hidden, added } = extendSequences(root, config, embeddings, {
    begun: { lengths: input('lengths', 'int32', ['batch']), caches },
    rows: input('lastRows', 'int32', ['batch']),
  });
  const names = cacheNames(config, 'added');
  const parts = added.flatMap(({ k, v }) => [k, v]);
  return {
    next: argmax(vocabularyLogits(root, config, hidden), 1),
    ...Object.fromEntries(names.map((name, i) => [name, parts[i] as Tensor])),
  };
}

/**
 * Puts tokens of the caches `added.{k,v}.<layer>` [sources, kvHeads, sourceTokens, headSize] into `past.{k,v}.<layer>`
 * [batch, kvHeads, past, headSize], giving `placed.{k,v}.<layer>`. `places` [batch, past]: the place of a token's first
 * head among the source's tokens, -1 where the token stays and -2 where it becomes zero. `sourceTokens` [1].
 */
export function placeGraph(config: LlavaConfig): Record<string, Tensor> {
  const { kvHeads, headSize } = config.text;
  const places = input('places', 'int32', ['batch', 'past']);
  const heads = mul(reshape(iota(kvHeads), [1, kvHeads, 1]), input('sourceTokens', 'int32', [1]));
  const rows = add(reshape(where(less(places, 0), 0, places), ['batch', 1, 'past']), heads); // [batch, kvHeads, past]
  const state = reshape(places, ['batch', 1, 'past', 1]);
  const [added, placed] = [cacheNames(config, 'added'), cacheNames(config, 'placed')];
  return Object.fromEntries(
    cacheNames(config, 'past').map((name, i) => {
      const past = input(name, 'float32', ['batch', kvHeads, 'past', headSize]);
      const source = input(added[i] as string, 'float32', ['sources', kvHeads, 'tokens', headSize]);
      const moved = where(less(state, 0), past, gather(flatten(source, 3), rows));
      return [placed[i] as string, where(equal(state, -2), 0, moved)];
    }),
  );
}
