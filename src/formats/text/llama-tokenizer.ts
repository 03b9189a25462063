// The parts of a tokenizer.json that every tokenizer of LLaMA's kind has: spaces are written as ▁, one is put before a
// text, and decoding undoes both. The vocabulary and the rest are the maker's own.

export const SPACE = '\u2581';

/** Put into the text before it is cut: a ▁ in front (unless `prefix` is off), and one for every space. */
export const llamaNormalizer = ({ prefix = true } = {}) => ({
  type: 'Sequence',
  normalizers: [
    ...(prefix ? [{ type: 'Prepend', prepend: SPACE }] : []),
    { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
  ],
});

export const llamaDecoder = ({ prefix = true } = {}) => ({
  type: 'Sequence',
  decoders: [
    { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ],
});
