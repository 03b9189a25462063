// The embedded model's tokenizer: a small byte-pair encoding in the same structure as LLaMA's tokenizer.json, learnt from
// the world's sentences by a deterministic trainer. It works on word counts, so that many sentences cost little.

import { llamaDecoder, llamaNormalizer, SPACE } from '../../formats/text/llama-tokenizer.ts';

const UNKNOWN = '<unk>';
const BEGIN = '<s>';
const END = '</s>';
export const IMAGE_TOKEN = '<image>';
export const PAD_TOKEN = '<pad>';
/** The roles of the prompt template are one token each; otherwise their capitals would be spelled letter by letter. */
const ROLE_TOKENS = ['USER:', 'ASSISTANT:'] as const;

export interface VocabularyFiles {
  /** Contents of tokenizer.json. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** Contents of tokenizer_config.json. */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  readonly size: number;
  readonly imageTokenId: number;
  readonly padTokenId: number;
}

/**
 * Learns at most `size` tokens from sentences. Equal sentences give equal files.
 * Throws when bytes and single characters alone are more.
 */
export function trainVocabulary(
  sentences: Iterable<string>,
  { size = 2000 }: { readonly size?: number } = {},
): VocabularyFiles {
  const counts = countWords(sentences);
  const alphabet = [
    ...new Set([...counts.keys()].flatMap((word) => [...word]).concat([...printable()], SPACE)),
  ].sort();
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const base = [UNKNOWN, BEGIN, END, ...bytes, ...alphabet];
  const room = size - base.length - ROLE_TOKENS.length - 2;
  if (room < 0)
    throw new Error(`vocabulary: ${size} tokens do not hold the ${size - room} of bytes and characters`);
  const merges = learnMerges(counts, room);
  const tokens = [...base, ...new Set(merges.map(([a, b]) => a + b))];
  const added = [...ROLE_TOKENS, IMAGE_TOKEN, PAD_TOKEN];
  const ids = new Map([...tokens, ...added].map((token, id) => [token, id]));
  return {
    tokenizer: tokenizerJson(tokens, merges, ids),
    tokenizerConfig: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      add_bos_token: true,
      add_eos_token: false,
      bos_token: BEGIN,
      eos_token: END,
      unk_token: UNKNOWN,
      pad_token: PAD_TOKEN,
      legacy: false,
      clean_up_tokenization_spaces: false,
    },
    size: tokens.length + added.length,
    imageTokenId: ids.get(IMAGE_TOKEN) as number,
    padTokenId: ids.get(PAD_TOKEN) as number,
  };
}

type Merge = readonly [string, string];

/** Words with the space that precedes them; the first word also without, as it stands after an image or a line break. */
function countWords(sentences: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const sentence of sentences) {
    sentence.split(/\s+/).forEach((word, place) => {
      if (word === '') return;
      counts.set(SPACE + word, (counts.get(SPACE + word) ?? 0) + 1);
      if (place === 0) counts.set(word, (counts.get(word) ?? 0) + 1);
    });
  }
  return counts;
}

function printable(): string[] {
  return Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCodePoint(0x21 + i));
}

/** A word in the course of merging. */
interface Entry {
  pieces: string[];
  readonly count: number;
}

function learnMerges(counts: ReadonlyMap<string, number>, limit: number): Merge[] {
  const entries: Entry[] = [...counts]
    .sort(([a], [b]) => compare(a, b))
    .map(([word, count]) => ({ pieces: [...word], count }));
  const pairs = new Map<string, { readonly pair: Merge; count: number; readonly entries: Set<Entry> }>();
  const change = (entry: Entry, sign: 1 | -1) => {
    for (let i = 0; i + 1 < entry.pieces.length; i++) {
      const pair: Merge = [entry.pieces[i] as string, entry.pieces[i + 1] as string];
      if (!mayMerge(pair)) continue;
      const key = pair.join('\u0000');
      const known = pairs.get(key) ?? { pair, count: 0, entries: new Set<Entry>() };
      known.count += sign * entry.count;
      if (sign === 1) known.entries.add(entry);
      pairs.set(key, known);
    }
  };
  for (const entry of entries) change(entry, 1);
  const merges: Merge[] = [];
  while (merges.length < limit) {
    let best: { readonly pair: Merge; readonly count: number; readonly entries: Set<Entry> } | undefined;
    for (const candidate of pairs.values()) {
      if (candidate.count < 2) continue;
      const better =
        best === undefined ||
        candidate.count > best.count ||
        (candidate.count === best.count &&
          compare(candidate.pair.join('\u0000'), best.pair.join('\u0000')) < 0);
      if (better) best = candidate;
    }
    if (best === undefined) break;
    merges.push(best.pair);
    for (const entry of [...best.entries]) {
      change(entry, -1);
      entry.pieces = joined(entry.pieces, best.pair);
      change(entry, 1);
    }
    pairs.delete(best.pair.join('\u0000'));
  }
  return merges;
}

/** Digits and punctuation stay single; capitals are never joined to each other, so that signs are spelled. */
function mayMerge([left, right]: Merge): boolean {
  const first = left.startsWith(SPACE) ? left.slice(1) : left;
  return (
    (/^(\p{L}[\p{Ll}]*)?$/u.test(first) && /^\p{Ll}+$/u.test(right)) ||
    (left === SPACE && /^\p{L}\p{Ll}*$/u.test(right))
  );
}

function joined(pieces: readonly string[], [left, right]: Merge): string[] {
  const result: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) {
      result.push(left + right);
      i++;
    } else result.push(pieces[i] as string);
  }
  return result;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function tokenizerJson(
  tokens: readonly string[],
  merges: readonly Merge[],
  ids: ReadonlyMap<string, number>,
): Record<string, unknown> {
  const token = (content: string, options: { special: boolean; strip?: boolean }) => ({
    id: ids.get(content),
    content,
    single_word: false,
    lstrip: options.strip ?? false,
    rstrip: options.strip ?? false,
    normalized: false,
    special: options.special,
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      ...[UNKNOWN, BEGIN, END].map((content) => token(content, { special: true })),
      ...ROLE_TOKENS.map((content) => token(content, { special: false, strip: true })),
      ...[IMAGE_TOKEN, PAD_TOKEN].map((content) => token(content, { special: true })),
    ],
    normalizer: llamaNormalizer(),
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: BEGIN, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [
        { SpecialToken: { id: BEGIN, type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: BEGIN, type_id: 1 } },
        { Sequence: { id: 'B', type_id: 1 } },
      ],
      special_tokens: { [BEGIN]: { id: BEGIN, ids: [ids.get(BEGIN)], tokens: [BEGIN] } },
    },
    decoder: llamaDecoder(),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: UNKNOWN,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((content, id) => [content, id])),
      merges: merges.map(([a, b]) => `${a} ${b}`),
    },
  };
}
