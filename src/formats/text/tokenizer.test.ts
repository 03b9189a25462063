import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, UserError } from '../../base/errors.ts';
import { tokenDecoder } from './token-decoder.ts';
import { createTokenizer, loadTokenizer } from './tokenizer.ts';

interface Expected {
  readonly versions: { readonly tokenizers: string };
  readonly imageTokenId: number;
  readonly vocabularySize: number;
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly decoded: string;
  }[];
}

const fixtures = fileURLToPath(new URL('../../../test/fixtures/tokenizer', import.meta.url));

describe.each(['prepend', 'metaspace'])('the tokenizer %s', (scheme) => {
  const folder = join(fixtures, scheme);
  const expected: Expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
  const tokenizer = loadTokenizer(folder);

  it.each(expected.texts)(
    `encodes and decodes as tokenizers ${expected.versions.tokenizers}: $text`,
    ({ text, ids, decoded }) => {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
    },
  );

  it('round-trips any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // The mark of a space is a space.
        fc.pre(!text.includes('\u2581'));
        const decoded = tokenizer.decode(tokenizer.encode(text));
        expect(scheme === 'metaspace' ? decoded.trimStart() : decoded).toBe(
          scheme === 'metaspace' ? text.trimStart() : text,
        );
      }),
    );
  });

  it('knows the control tokens, and never encodes text to them', () => {
    expect(tokenizer.vocabularySize).toBe(expected.vocabularySize);
    expect(tokenizer.tokenId('<image>')).toBe(expected.imageTokenId);
    expect(tokenizer.tokenId('no such token')).toBeUndefined();
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([1, 2]);
    expect(tokenizer.padId).toBe(tokenizer.tokenId('<pad>'));
    const text = 'a <image></s><s> <pad><unk> <0x41>';
    const ids = tokenizer.encode(text);
    for (const id of [0, 1, 2, expected.imageTokenId, tokenizer.padId, tokenizer.tokenId('<0x41>')]) {
      expect(ids).not.toContain(id);
    }
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it('leaves control tokens out, or shows them', () => {
    const ids = [1, ...tokenizer.encode('a dog'), 2];
    expect(tokenizer.decode(ids)).toBe('a dog');
    expect(tokenizer.decode(ids, { skipSpecial: false })).toMatch(/^<s> ?a dog<\/s>$/);
    expect(tokenizer.decode([1, 2])).toBe('');
    expect(tokenizer.decode(Int32Array.from(ids))).toBe('a dog');
  });
});

interface Decoded {
  readonly versions: { readonly transformers: string };
  readonly sequences: readonly {
    readonly ids: readonly number[];
    readonly decoded: string;
    readonly whole: string;
  }[];
}

describe.each(['prepend', 'metaspace', 'bytes'])('random ids, read by %s', (scheme) => {
  const folder = join(fixtures, scheme);
  const { versions, sequences }: Decoded = JSON.parse(readFileSync(join(folder, 'decoded.json'), 'utf8'));

  it(`are the text that transformers ${versions.transformers} gives`, () => {
    const tokenizer = loadTokenizer(folder);
    expect(sequences.length).toBeGreaterThanOrEqual(200);
    for (const { ids, decoded, whole } of sequences) {
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(whole);
    }
  });
});

it('marks later sections only where the tokenizer does', () => {
  const [prepend, metaspace] = ['prepend', 'metaspace'].map((scheme) =>
    loadTokenizer(join(fixtures, scheme)),
  );
  expect(prepend?.encode('dog', { first: false })).toEqual(prepend?.encode('dog'));
  expect(metaspace?.encode('dog', { first: false })).not.toEqual(metaspace?.encode('dog'));
});

describe('a tokenizer file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tokenizer-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const content = JSON.parse(readFileSync(join(fixtures, 'prepend', 'tokenizer.json'), 'utf8'));
  const config = { eos_token: '</s>' };
  function sequence(step: unknown) {
    return { type: 'Sequence', decoders: [{ type: 'Fuse' }, step] };
  }

  it('that is absent or truncated is named', () => {
    expect(() => loadTokenizer(join(folder, 'absent'))).toThrow(UserError);
    expect(() => loadTokenizer(join(folder, 'absent'))).toThrow(
      /absent: expected tokenizer.json or tokenizer.model, found neither/,
    );
    cpSync(join(fixtures, 'prepend'), folder, { recursive: true });
    const path = join(folder, 'tokenizer.json');
    writeFileSync(path, readFileSync(path).subarray(0, 5000));
    expect(() => loadTokenizer(folder)).toThrow(DataError);
    expect(() => loadTokenizer(folder)).toThrow(/tokenizer\.json/);
  });

  it.each<
    [field: string, change: Readonly<Record<string, unknown>>, config?: Readonly<Record<string, unknown>>]
  >([
    ['model.type', { model: { type: 'Unigram', vocab: [] } }],
    ['model.type', { model: null }],
    ['model.vocab', { model: { ...content.model, vocab: [] } }],
    ['model.vocab["a"]', { model: { ...content.model, vocab: { a: 'one' }, merges: [] } }],
    ['model.merges', { model: { ...content.model, merges: undefined } }],
    ['model.merges[0]', { model: { ...content.model, merges: ['a 日本'] } }],
    ['added_tokens', { added_tokens: {} }],
    ['added_tokens[0]', { added_tokens: [{ id: -1, content: 'x' }] }],
    ['eos_token', {}, { eos_token: '<end>' }],
    ['pad_token', {}, { pad_token: 7 }],
  ])('is refused for %s', (field, change, changedConfig = config) => {
    let error: unknown;
    try {
      createTokenizer({ ...content, ...change }, changedConfig);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).issues[0]?.field).toBe(field);
  });

  it('is refused when two tokens share an id, or a part is of a kind not known', () => {
    const added_tokens = [{ id: 5, content: '<new>', special: true }];
    expect(() => createTokenizer({ ...content, added_tokens }, config)).toThrow('id 5 stands for both');
    expect(() => createTokenizer({ ...content, normalizer: { type: 'Odd' } }, config)).toThrow(/set up.*Odd/);
  });

  it.each<[message: string, decoder: unknown]>([
    ['decoder: expected an object', 'ByteLevel'],
    ['decoder.type: expected Sequence or', { type: 'CTC' }],
    ['decoder.type: expected Sequence or', { type: 'toString' }],
    ['decoder.decoders: expected a list', { type: 'Sequence' }],
    ['decoder.decoders[1].start: expected a number', sequence({ type: 'Strip', content: ' ', start: -1 })],
    [
      'decoder.decoders[1].pattern: expected a text',
      sequence({ type: 'Replace', content: '', pattern: '_' }),
    ],
    ['decoder.decoders[1].content: expected a text', sequence({ type: 'Replace', pattern: { String: '_' } })],
  ])('is refused: %s', (message, decoder) => {
    expect(() => createTokenizer({ ...content, decoder }, config)).toThrow(`tokenizer.json: ${message}`);
  });

  it.each<[decoder: unknown, text: string]>([
    [null, '▁a b▁</w>'],
    [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' }, 'ab </w>'],
    [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'never' }, ' ab </w>'],
    [{ type: 'Metaspace', add_prefix_space: false }, ' ab </w>'],
    [{ type: 'BPEDecoder', suffix: '</w>' }, '▁ab▁'],
    [{ type: 'Strip', content: '▁', start: 1, stop: 1 }, 'ab▁</w>'],
    [{ type: 'Strip', content: '>', start: 0, stop: 2 }, '▁ab▁</w'],
  ])('puts tokens together by its decoder: %j', (decoder, text) => {
    expect(tokenDecoder(decoder, { file: 't.json' })(['▁a', 'b▁</w>'])).toBe(text);
  });

  it('leaves out what its configuration calls special, whatever looks like it', () => {
    const added_tokens = [...content.added_tokens, { id: 900, content: '<tool>', special: false }];
    const special = { ...config, additional_special_tokens: ['a'] };
    const tokenizer = createTokenizer({ ...content, added_tokens }, special);
    const ids = [...tokenizer.encode('b'), tokenizer.tokenId('a') as number, 900, 2, 5000];
    expect(tokenizer.decode(ids)).toBe('b<tool>');
    expect(tokenizer.decode(ids, { skipSpecial: false })).toBe('ba<tool></s>');
  });

  it('may name its tokens by objects, and leave some unnamed', () => {
    const tokenizer = createTokenizer(content, { eos_token: { content: '</s>' }, bos_token: null });
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([undefined, 2, undefined]);
  });
});
