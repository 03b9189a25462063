import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../formats/text/tokenizer.ts';
import { strip } from '../../tasks/python.ts';
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
      expect(streamed(tokenizer, ids)).toBe(strip(tokenizer.decode(ids)));
    }),
  );
});

it('does so for any tokens that a model may say', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(600)), fc.constantFrom(...tokenizers), (ids, tokenizer) => {
      expect(streamed(tokenizer, ids)).toBe(strip(tokenizer.decode(ids)));
    }),
    { numRuns: 1000 },
  );
});

function streamed(tokenizer: Tokenizer, ids: readonly number[]): string {
  const stream = new TextStream(tokenizer);
  return [...ids.map((id) => stream.push(id)), stream.end()].join('');
}

it('waits for the rest of a character, and for what follows a space', () => {
  const [prepend] = tokenizers;
  const tokenizer = prepend as NonNullable<typeof prepend>;
  const ids = tokenizer.encode('a 🙂 b');
  const stream = new TextStream(tokenizer);
  const pieces = ids.map((id) => stream.push(id)).filter((piece) => piece !== '');
  expect(pieces).toEqual(['a', ' 🙂 b']);
  expect(stream.end()).toBe('');
});
