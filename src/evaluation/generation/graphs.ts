// The programs of generation. One reads tokens after what a cache holds, whether a prompt's beginning, its rest or a
// single answer token; another brings patch features into the decoder's space, once per image; the third moves caches on a device.
import type { ModelOutline, ModelShape } from '../../models/family.ts';
import { type KeyValue, mergedEmbeddings } from '../../models/network.ts';
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
import type { CachedShape } from './shapes.ts';

/** What of a model its programs of generation are traced from. */
export type GeneratingModel = Pick<ModelOutline, 'shape' | 'network'>;

/** Names of the caches of all layers: `past.k.0`, `past.v.0`, `past.k.1`, … */
export function cacheNames(
  { layers }: Pick<ModelShape, 'layers'>,
  kind: 'past' | 'added' | 'placed',
): string[] {
  return Array.from({ length: layers }, (_, layer) => [`${kind}.k.${layer}`, `${kind}.v.${layer}`]).flat();
}

/** `projected` [rows, hidden] of `features` [rows, featureSize]. */
export function projectGraph(root: Scope, { shape, network }: GeneratingModel): Record<string, Tensor> {
  return { projected: network.images(root, input('features', 'float32', ['rows', shape.featureSize])) };
}

/**
 * Reads `ids` [batch, tokens] at `positions` [axes, batch, tokens] after the first `lengths` [batch] tokens of the caches
 * `past.{k,v}.<layer>`. `imageRows` says which row of `images` stands at a token, -1 for text. Gives `next`, the most
 * likely token after each of `lastRows` [batch] (into batch·tokens), and the caches of the tokens read,
 * `added.{k,v}.<layer>`.
 */
export function extendGraph(root: Scope, { shape, network }: GeneratingModel): Record<string, Tensor> {
  const { heads, headSize } = shape.cache;
  const cache = (name: string) => input(name, 'float32', ['batch', heads, 'past', headSize]);
  const caches = Array.from(
    { length: shape.layers },
    (_, layer): KeyValue => ({ k: cache(`past.k.${layer}`), v: cache(`past.v.${layer}`) }),
  );
  const embeddings = mergedEmbeddings(network, root, {
    ids: input('ids', 'int32', ['batch', 'tokens']),
    images: input('images', 'float32', ['rows', shape.hiddenSize]),
    imageRows: input('imageRows', 'int32', ['batch', 'tokens']),
  });
  const { hidden, added } = network.extend(root, embeddings, {
    begun: { lengths: input('lengths', 'int32', ['batch']), caches },
    positions: input('positions', 'int32', [shape.positionAxes, 'batch', 'tokens']),
    rows: input('lastRows', 'int32', ['batch']),
  });
  const names = cacheNames(shape, 'added');
  const parts = added.flatMap(({ k, v }) => [k, v]);
  return {
    next: argmax(network.logits(root, hidden), 1),
    ...Object.fromEntries(names.map((name, i) => [name, parts[i] as Tensor])),
  };
}

/**
 * Puts tokens of the caches `added.{k,v}.<layer>` [sources, kvHeads, sourceTokens, headSize] into `past.{k,v}.<layer>`
 * [batch, kvHeads, past, headSize], giving `placed.{k,v}.<layer>`. `places` [batch, past]: the place of a token's first
 * head among the source's tokens, -1 where the token stays and -2 where it becomes zero. `sourceTokens` [1].
 */
export function placeGraph(shape: CachedShape): Record<string, Tensor> {
  const { heads: kvHeads, headSize } = shape.cache;
  const places = input('places', 'int32', ['batch', 'past']);
  const heads = mul(reshape(iota(kvHeads), [1, kvHeads, 1]), input('sourceTokens', 'int32', [1]));
  const rows = add(reshape(where(less(places, 0), 0, places), ['batch', 1, 'past']), heads); // [batch, kvHeads, past]
  const state = reshape(places, ['batch', 1, 'past', 1]);
  const [added, placed] = [cacheNames(shape, 'added'), cacheNames(shape, 'placed')];
  return Object.fromEntries(
    cacheNames(shape, 'past').map((name, i) => {
      const past = input(name, 'float32', ['batch', kvHeads, 'past', headSize]);
      const source = input(added[i] as string, 'float32', ['sources', kvHeads, 'tokens', headSize]);
      const moved = where(less(state, 0), past, gather(flatten(source, 3), rows));
      return [placed[i] as string, where(equal(state, -2), 0, moved)];
    }),
  );
}
