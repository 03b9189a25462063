// A model's network in the pieces that shared code puts together: images to rows, words to embeddings, whole sequences,
// sequences that are begun, scores. What is inside a piece is the family's.
import { present } from '../base/errors.ts';
import { Scope } from '../nn/scope.ts';
import type { Tensor } from '../tensor/graph.ts';
import { gather, input, less, reshape, where } from '../tensor/ops.ts';

export interface KeyValue {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** How whole sequences are read. */
export interface SequenceOptions {
  /** int32 [axes, batch, tokens] */
  readonly positions: Tensor;
  /** Additive, broadcast to [batch, heads, query, key]; by default causal. */
  readonly mask?: Tensor;
  readonly keep?: (layer: number, cache: KeyValue) => void;
  /** int32 [n] into batch·tokens: only these states are computed. */
  readonly rows?: Tensor;
}

/** Sequences that are begun: their caches, of which the first `lengths` (int32 [batch]) tokens of a row are read. */
export interface BegunSequences {
  readonly lengths: Tensor;
  readonly caches: readonly KeyValue[]; // per layer [batch, heads, past, headSize]
}

export interface ExtendOptions {
  readonly begun: BegunSequences;
  /** int32 [axes, batch, tokens] */
  readonly positions: Tensor;
  /** int32 [n] into batch·tokens */
  readonly rows: Tensor;
}

export interface ExtendedSequences {
  /** The last hidden states of the rows asked for, [n, hidden]. */
  readonly hidden: Tensor;
  /** The caches of the tokens added, per layer [batch, heads, tokens, headSize]. */
  readonly added: readonly KeyValue[];
}

/** Each asks `root` for its weights by canonical name, and for what adapts its linear layers. */
export interface ModelNetwork {
  /** Image features in the decoder's space: [rows, featureSize] → [rows, hidden]. Of however many images, row by row. */
  images(root: Scope, features: Tensor): Tensor;
  /** The table of word embeddings, one weight: [vocabulary, hidden]. */
  table(root: Scope): Tensor;
  /** Last hidden states of whole sequences, right-padded. embeddings: [batch, tokens, hidden]; with `rows`, [n, hidden]. */
  decode(root: Scope, embeddings: Tensor, options: SequenceOptions): Tensor;
  /** Reads more tokens of begun sequences, right-padded. embeddings: [batch, tokens, hidden]. */
  extend(root: Scope, embeddings: Tensor, options: ExtendOptions): ExtendedSequences;
  /** Scores over the vocabulary. hidden: [..., hidden]. */
  logits(root: Scope, hidden: Tensor): Tensor;
}

/**
 * Word embeddings with the rows of images put in: [batch, tokens, hidden]. ids: int32 [batch, tokens]; images: [rows,
 * hidden]; imageRows: int32 [batch, tokens], the row that stands at a token, -1 for a word.
 */
export function mergedEmbeddings(
  network: Pick<ModelNetwork, 'table'>,
  root: Scope,
  { ids, images, imageRows }: { readonly ids: Tensor; readonly images: Tensor; readonly imageRows: Tensor },
): Tensor {
  const isWord = less(imageRows, 0);
  const shown = gather(images, where(isWord, 0, imageRows));
  const lookup = (rows: Tensor) => gather(network.table(root), rows);
  // A placeholder need not be a row of the table.
  const wordIds = where(isWord, ids, 0);
  const words = root.adapter?.embed?.(wordIds, lookup) ?? lookup(wordIds);
  return where(reshape(isWord, [ids.dim(0), ids.dim(1), 1]), words, shown);
}

/** The canonical name of the weight that is the table of word embeddings. */
export function tableOf(network: Pick<ModelNetwork, 'table'>): string {
  const names: string[] = [];
  const root = new Scope((name, shape) => {
    names.push(name);
    return input(name, 'float32', shape);
  });
  network.table(root);
  return present(names[0], 'the table of word embeddings');
}
