// The two programs of generation. One reads tokens after what a cache holds, whether a prompt's beginning, its rest or a
// single answer token; the other brings patch features into the decoder's space, once per picture.
import type { LlavaConfig } from '../models/llava/config.ts';
import {
  extendSequences,
  type KeyValue,
  mergedEmbeddings,
  projectFeatures,
  vocabularyLogits,
} from '../models/llava/network.ts';
import type { Scope } from '../nn/scope.ts';
import type { Tensor } from '../tensor/graph.ts';
import { argmax, input } from '../tensor/ops.ts';

/** Names of the caches of all layers: `past.k.0`, `past.v.0`, `past.k.1`, … */
export function cacheNames({ text }: LlavaConfig, kind: 'past' | 'added'): string[] {
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
