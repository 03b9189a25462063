// A tokenizer by rule, for models with random weights: LLaMA's kind (BPE with bytes to fall back on) at any vocabulary
// size, learnt from no text. Pairs and triples of lower-case letters are its words, so text is about twice as long as
// with a learnt one.

export interface RuleTokenizerOptions {
  /** Text tokens get the ids below both. */
  readonly imageTokenId: number;
  readonly padTokenId: number;
}

type Json = Readonly<Record<string, unknown>>;

import { llamaDecoder, llamaNormalizer, SPACE } from '../../formats/text/llama-tokenizer.ts';

const LOWER = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i));
/** The printable characters of ASCII, without the space. */
const PRINTABLE = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
const CONTROL = ['<unk>', '<s>', '</s>'];

/** The contents of `tokenizer.json` and `tokenizer_config.json`. Throws when the ids leave no room for characters. */
export function ruleTokenizer({ imageTokenId, padTokenId }: RuleTokenizerOptions): {
  readonly tokenizer: Json;
  readonly config: Json;
} {
  const room = Math.min(imageTokenId, padTokenId);
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const alphabet = [...CONTROL, ...bytes, SPACE, ...PRINTABLE];
  if (room < alphabet.length) {
    throw new RangeError(
      `tokenizer: ${room} ids do not hold the ${alphabet.length} tokens it cannot do without`,
    );
  }
  const merges = mergesByRule(room - alphabet.length);
  const tokens = [...alphabet, ...merges.map(([left, right]) => left + right)];
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [
        ...CONTROL.map((content, id) => specialToken(id, content)),
        specialToken(imageTokenId, '<image>'),
        specialToken(padTokenId, '<pad>'),
      ].sort((a, b) => a.id - b.id),
      normalizer: llamaNormalizer(),
      pre_tokenizer: null,
      post_processor: null,
      decoder: llamaDecoder(),
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: '<unk>',
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: merges.map((pair) => pair.join(' ')),
      },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      add_bos_token: true,
      add_eos_token: false,
      bos_token: '<s>',
      eos_token: '</s>',
      unk_token: '<unk>',
      pad_token: '<pad>',
      legacy: false,
      clean_up_tokenization_spaces: false,
    },
  };
}

/** A word's begin and a letter first, then pairs, triples, and the same after a word's begin; as many as there is room for. */
function mergesByRule(count: number): (readonly [string, string])[] {
  const pairs = LOWER.flatMap((left) => LOWER.map((right) => [left, right] as const));
  const triples = pairs.flatMap(([a, b]) => LOWER.map((right) => [a + b, right] as const));
  const afterSpace = (words: readonly (readonly [string, string])[]) =>
    words.map(([left, right]) => [SPACE, left + right] as const);
  const all = [
    ...pairs,
    ...LOWER.map((letter) => [SPACE, letter] as const),
    ...afterSpace(pairs),
    ...triples,
    ...afterSpace(triples),
  ];
  return all.slice(0, count);
}

function specialToken(id: number, content: string) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}
