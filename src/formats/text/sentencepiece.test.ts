import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { readSentencePiece } from './sentencepiece.ts';
import { createTokenizer, loadTokenizer } from './tokenizer.ts';

interface Expected {
  readonly versions: { readonly sentencepiece: string };
  readonly vocabularySize: number;
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly decoded: string;
  }[];
}

const published = fileURLToPath(new URL('../../../test/fixtures/tokenizer/sentencepiece/', import.meta.url));
const expected: Expected = JSON.parse(readFileSync(join(published, 'expected.json'), 'utf8'));
const model = readFileSync(join(published, 'tokenizer.model'));
const folder = mkdtempSync(join(tmpdir(), 'coin-sentencepiece-'));
const file = join(folder, 'tokenizer.model');
afterAll(() => rmSync(folder, { recursive: true }));

const messageOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'nothing was thrown';
};

describe('a folder with a tokenizer.model alone', () => {
  const tokenizer = loadTokenizer(published);

  it.each(expected.texts)(
    `gives sentencepiece ${expected.versions.sentencepiece}'s ids: $text`,
    ({ text, ids }) => {
      expect(tokenizer.encode(text)).toEqual(ids);
    },
  );

  it("knows the model's own control tokens", () => {
    expect(tokenizer.vocabularySize).toBe(expected.vocabularySize);
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([1, 2, undefined]);
  });

  it('gives back any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.includes('\u2581'));
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('adds the tokens that transformers wrote beside it', () => {
    copyFileSync(join(published, 'tokenizer.model'), file);
    const size = expected.vocabularySize;
    writeFileSync(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({
        eos_token: '</s>',
        pad_token: '<pad>',
        added_tokens_decoder: { [size]: { content: '<image>', special: true } },
      }),
    );
    writeFileSync(join(folder, 'added_tokens.json'), JSON.stringify({ '<pad>': size + 1 }));
    const { tokenId, padId, bosId, vocabularySize, encode } = loadTokenizer(folder);
    expect([tokenId('<image>'), padId, bosId, vocabularySize]).toEqual([size, size + 1, 1, size + 2]);
    expect(encode('dog')).toEqual(tokenizer.encode('dog'));
  });
});

describe('a model that is not a LLaMA-like one', () => {
  const read = (bytes: Uint8Array) => {
    writeFileSync(file, bytes);
    return messageOf(() => readSentencePiece(file));
  };
  /** A field of a message of the model: trainer_spec is 2, normalizer_spec is 3. A later one holds. */
  const changed = (message: number, field: number, value: number) =>
    Buffer.concat([model, Uint8Array.of((message << 3) | 2, 2, field << 3, value)]);

  it.each([
    [changed(2, 3, 1), 'trainer_spec.model_type: expected BPE, found unigram: not supported'],
    [changed(2, 3, 9), 'trainer_spec.model_type: expected BPE, found 9: not supported'],
    [changed(3, 4, 1), 'normalizer_spec.remove_extra_whitespaces: found true: not supported'],
    [changed(3, 5, 0), 'normalizer_spec.escape_whitespaces: found false: not supported'],
    [
      Buffer.concat([model, Uint8Array.of(0x1a, 3, 0x12, 1, 7)]),
      'normalizer_spec.precompiled_charsmap: found a map of characters: not supported',
    ],
    [
      Buffer.concat([model, Uint8Array.of(0x0a, 4, 0x0a, 2, 0x63, 0x7a, 0x0a, 4, 0x0a, 2, 0x63, 0x7a)]),
      'are both "cz"',
    ],
    [Buffer.concat([model, Uint8Array.of(0x0a, 5, 0x0a, 1, 0x7a, 0x18, 9)]), 'unknown type 9 of a piece'],
    [Buffer.concat([model, Uint8Array.of(0x0a, 6, 0x0a, 2, 0x51, 0x51, 0x18, 5)]), 'found an unused piece'],
    [Buffer.from(''), 'expected BPE, found unigram'],
    [changed(2, 3, 2).subarray(model.length), 'escape'],
  ])('is refused by name %#', (bytes, message) => {
    const found = read(bytes);
    if (message === 'escape') expect(found).toContain('remove_extra_whitespaces');
    else expect(found).toContain(message);
    expect(found).toContain(file);
  });

  it('never crashes on damaged bytes', () => {
    fc.assert(
      fc.property(
        fc.nat(model.length - 1),
        fc.uint8Array({ maxLength: 12 }),
        fc.boolean(),
        (place, bytes, cut) => {
          const damaged = Buffer.from(model);
          damaged.set(bytes.subarray(0, model.length - place), place);
          const message = read(cut ? damaged.subarray(0, place) : damaged);
          if (message !== 'nothing was thrown') expect(message).toContain(file);
        },
      ),
      { numRuns: 300 },
    );
  });
});

it('writes no mark where the model has none', () => {
  writeFileSync(file, Buffer.concat([model, Uint8Array.of(0x1a, 2, 0x18, 0)]));
  const { tokenizer, config } = readSentencePiece(file);
  const unmarked = createTokenizer(tokenizer, config);
  expect(unmarked.decode(unmarked.encode('dog'))).toBe('dog');
  expect(unmarked.encode('dog')).not.toEqual(loadTokenizer(published).encode('dog'));
});

it('says what a folder without either has', () => {
  const other = mkdtempSync(join(folder, 'other-'));
  expect(messageOf(() => loadTokenizer(other))).toContain(
    'expected tokenizer.json or tokenizer.model, found neither',
  );
  writeFileSync(join(other, 'merges.txt'), '');
  writeFileSync(join(other, 'vocab.json'), '{}');
  expect(messageOf(() => loadTokenizer(other))).toBe(
    `${other}: expected tokenizer.json or tokenizer.model, found vocab.json and merges.txt\n` +
      '  hint: save the tokenizer as tokenizer.json: AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in transformers',
  );
});
