import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, UserError } from '../../base/errors.ts';
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
        // A byte-order mark at a run of bytes' begin is swallowed by every decoder, the mark of a space is a space.
        fc.pre(!/[\uFEFF\u2581]/.test(text));
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

  it('may name its tokens by objects, and leave some unnamed', () => {
    const tokenizer = createTokenizer(content, { eos_token: { content: '</s>' }, bos_token: null });
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([undefined, 2, undefined]);
  });
});
