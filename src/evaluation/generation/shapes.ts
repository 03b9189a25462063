// The shapes that generation runs in. Kernels round differently at different shapes, so every size here follows from the
// model and from the prompt itself, never from how many prompts there are, which they are, or how many run side by side.
import type { ModelShape } from '../../models/family.ts';
import { type TokenSequence, throughImage } from '../../models/sequence.ts';

/** Tokens of a run that reads prompts, all its rows together: products of about this many rows are near their peak. */
const READING_TOKENS = 256;
/** Rows of a run that decodes one token each, where their caches are small enough. */
const MOST_ROWS = 32;
/** What the caches of a run may take at CACHED_TOKENS tokens a row, bytes. */
const CACHE_BYTES = 2 ** 33;
const CACHED_TOKENS = 1024;
/** Room that a row gets beyond what it needs now. */
const HEADROOM = 32;
const SMALLEST_CAPACITY = 128;

/** What of a model the sizes of its caches follow from. */
export type CachedShape = Pick<ModelShape, 'layers' | 'cache'>;

/** Bytes of one token's keys and values in all layers. */
export function cacheBytesPerToken({ layers, cache }: CachedShape): number {
  return 4 * 2 * layers * cache.heads * cache.headSize;
}

/** Rows of a decoding run: a power of two up to 32, fewer for large models. */
export function decodingRows(shape: CachedShape): number {
  const affordable = CACHE_BYTES / (CACHED_TOKENS * cacheBytesPerToken(shape));
  return 2 ** Math.floor(Math.log2(Math.min(MOST_ROWS, Math.max(1, affordable))));
}

/** Rows of a run that reads `tokens` tokens a row. */
export function readingRows(shape: CachedShape, tokens: number): number {
  return Math.max(1, Math.min(decodingRows(shape), Math.floor(READING_TOKENS / tokens)));
}

/** The width to which `tokens` are padded: the next multiple of an eighth to a quarter of itself, at least of 8. */
export function paddedTokens(tokens: number): number {
  const step = Math.max(8, 2 ** Math.floor(Math.log2(Math.max(1, tokens))) / 8);
  return Math.ceil(tokens / step) * step;
}

/** Tokens of cache that a row with `length` tokens gets: 128, 192, 256, 384, 512, … */
export function capacityFor(length: number): number {
  for (let capacity = SMALLEST_CAPACITY; ; capacity *= 2) {
    if (capacity >= length + HEADROOM) return capacity;
    if (capacity * 1.5 >= length + HEADROOM) return capacity * 1.5;
  }
}

/**
 * Tokens of a prompt that are read first and by themselves, so that other prompts can go on from there: through the
 * image, or what the prompt shares with `textPrefix`. 0 where nothing is gained.
 */
export function prefixLength(
  prompt: Pick<TokenSequence, 'inputIds' | 'imageRows'>,
  textPrefix?: ArrayLike<number>,
): number {
  const ids = prompt.inputIds;
  const image = throughImage(prompt);
  if (image > 0) return image < ids.length ? image : 0;
  let shared = 0;
  while (
    shared < (textPrefix?.length ?? 0) &&
    shared < ids.length - 1 &&
    ids[shared] === textPrefix?.[shared]
  ) {
    shared++;
  }
  return shared < SHORTEST_TEXT_PREFIX ? 0 : shared;
}

/** A shorter text costs less to read again than to keep. */
const SHORTEST_TEXT_PREFIX = 16;
