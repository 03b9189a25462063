import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadTokenizer } from '../../formats/text/tokenizer.ts';
import { TextStream } from './text-stream.ts';

const tokenizers = ['prepend', 'metaspace', 'bytes', 'sentencepiece'].map((name) =>
  loadTokenizer(fileURLToPath(new URL(`../../../test/fixtures/tokenizer/${name}`, import.meta.url))),
);

it('gives an answer in pieces that add up to its text', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(' a  dog \n', '日本 🙂', '\n\n', ''),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom(...tokenizers), (text, tokenizer) => {
      const ids = tokenizer.encode(text);
      const stream = new TextStream(tokenizer);
      const pieces = [...ids.map((id) => stream.push(id)), stream.end()];
      expect(pieces.join('')).toBe(tokenizer.decode(ids).trim());
    }),
  );
});

it('waits for the rest of a character, and for what follows a space', () => {
  const [prepend] = tokenizers;
  const tokenizer = prepend as NonNullable<typeof prepend>;
  const ids = tokenizer.encode('a 🙂 b');
  const stream = new TextStream(tokenizer);
  const pieces = ids.map((id) => stream.push(id)).filter((piece) => piece !== '');
  expect(pieces).toEqual(['a', ' 🙂', ' b']);
  expect(stream.end()).toBe('');
});
