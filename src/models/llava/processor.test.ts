import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { promptsWith } from '../../../test/support/models/sequences.ts';
import { readSentencePiece } from '../../formats/text/sentencepiece.ts';
import { createTokenizer, loadTokenizer, type Tokenizer } from '../../formats/text/tokenizer.ts';
import type { Turn } from '../../tasks/task.ts';
import { createProcessor } from './processor.ts';
import { templateNames } from './prompts.ts';

interface Expected {
  readonly versions: { readonly tokenizers: string };
  readonly imageTokens: number;
  readonly imageTokenId: number;
  readonly conversations: readonly {
    readonly hasImage: boolean;
    readonly turns: readonly Turn[];
    readonly promptIds: readonly number[];
    readonly trainingIds: readonly number[];
  }[];
}

interface Original extends Pick<Expected, 'imageTokens' | 'imageTokenId'> {
  readonly conversations: readonly (Expected['conversations'][number] & { readonly legacy: boolean })[];
}

const schemes = ['prepend', 'metaspace'].map((scheme) => {
  const folder = fileURLToPath(new URL(`../../../test/fixtures/tokenizer/${scheme}`, import.meta.url));
  const expected: Expected = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8'));
  return { scheme, tokenizer: loadTokenizer(folder), expected };
});

const turnsArbitrary = fc.array(
  fc.record({
    question: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('<image>', 'a </s> b', '\n<image>\n')),
    answer: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('<image>', '</s>', '<pad><s>', '  b')),
  }),
  { minLength: 1, maxLength: 3 },
);

/** The answers as the marked tokens spell them. */
function learnt(tokenizer: Tokenizer, ids: Int32Array, trained: Uint8Array): string[] {
  const answers: string[] = [];
  let current: number[] = [];
  for (const [i, id] of ids.entries()) {
    if (trained[i] !== 1) continue;
    if (id === tokenizer.eosId) {
      answers.push(tokenizer.decode(current));
      current = [];
    } else current.push(id);
  }
  expect(current).toEqual([]);
  return answers;
}

describe.each(schemes)('with the tokenizer $scheme', ({ tokenizer, expected }) => {
  const { imageTokenId, imageTokens } = expected;
  const processor = promptsWith(
    createProcessor({ tokenizer, imageTokenId, template: 'vicuna_v1' }),
    imageTokens,
  );

  it.each(expected.conversations)(
    `gives tokenizers ${expected.versions.tokenizers}' ids, image: $hasImage`,
    (conversation) => {
      const { turns, hasImage, promptIds, trainingIds } = conversation;
      const prompt = processor.idsOf(turns[0]?.question ?? '', hasImage);
      expect([...prompt]).toEqual(promptIds);
      const { inputIds, trained } = processor.conversationOf(turns, hasImage);
      expect([...inputIds]).toEqual(trainingIds);
      expect(learnt(tokenizer, inputIds, trained)).toEqual(turns.map(({ answer }) => answer));
    },
  );

  it.each(templateNames)(
    'asks with the tokens that training began with, whatever the texts: %s',
    (template) => {
      const { idsOf, conversationOf } = promptsWith(
        createProcessor({ tokenizer, imageTokenId, template }),
        imageTokens,
      );
      fc.assert(
        fc.property(turnsArbitrary, fc.boolean(), (turns, hasImage) => {
          const prompt = idsOf(turns[0]?.question ?? '', hasImage);
          const { inputIds, trained } = conversationOf(turns, hasImage);
          expect(inputIds.subarray(0, prompt.length)).toEqual(prompt);
          expect(trained.subarray(0, prompt.length).includes(1)).toBe(false);
          expect(trained[prompt.length]).toBe(1);
          expect(trained.length).toBe(inputIds.length);
        }),
      );
    },
  );

  it('lets no text insert a placeholder or an end', () => {
    fc.assert(
      fc.property(turnsArbitrary, fc.boolean(), (turns, hasImage) => {
        const { inputIds, trained } = processor.conversationOf(turns, hasImage);
        expect(inputIds.filter((id) => id === imageTokenId).length).toBe(hasImage ? imageTokens : 0);
        const ends = [...inputIds.keys()].filter((i) => inputIds[i] === tokenizer.eosId);
        expect(ends.length).toBe(turns.length);
        expect(ends.every((i) => trained[i] === 1)).toBe(true);
        expect(inputIds.lastIndexOf(tokenizer.bosId ?? -1)).toBe(0);
        expect(inputIds.includes(tokenizer.padId ?? -1)).toBe(false);
      }),
    );
  });

  it('keeps the spelling of a placeholder as text', () => {
    const ids = processor.idsOf('what does <image> mean?', false);
    expect(tokenizer.decode(ids)).toContain('USER: what does <image> mean? ASSISTANT:');
    expect(ids.includes(imageTokenId)).toBe(false);
  });

  it('learns captions alone with the plain template', () => {
    const plain = promptsWith(createProcessor({ tokenizer, imageTokenId, template: 'plain' }), imageTokens);
    const turns = [{ question: 'never written', answer: 'a dog' }];
    const { inputIds, trained } = plain.conversationOf(turns, true);
    expect([...inputIds.subarray(0, 4)]).toEqual([tokenizer.bosId, imageTokenId, imageTokenId, imageTokenId]);
    expect(learnt(tokenizer, inputIds, trained).map((text) => text.trim())).toEqual(['a dog']);
  });
});

it('refuses a tokenizer that names no end', () => {
  const [{ tokenizer } = { tokenizer: undefined }] = schemes;
  const endless = { ...(tokenizer as Tokenizer), eosId: undefined };
  const options = { tokenizer: endless, imageTokenId: 1, template: 'plain' } as const;
  expect(() => createProcessor(options)).toThrow('eos_token');
});

describe("conversations as the original LLaVA puts them together, text by text through SentencePiece's own model", () => {
  const folder = fileURLToPath(new URL('../../../test/fixtures/tokenizer/sentencepiece', import.meta.url));
  const { conversations, imageTokenId, imageTokens }: Original = JSON.parse(
    readFileSync(`${folder}/expected.json`, 'utf8'),
  );

  it.each(conversations)('legacy: $legacy, image: $hasImage', ({ legacy, hasImage, turns, ...expected }) => {
    const { tokenizer: content, config } = readSentencePiece(`${folder}/tokenizer.model`, { legacy });
    const tokenizer = createTokenizer(content, config);
    const options = { tokenizer, imageTokenId, template: 'vicuna_v1' } as const;
    const { idsOf, conversationOf } = promptsWith(
      createProcessor({ ...options, imageDividesText: true }),
      imageTokens,
    );
    expect([...idsOf(turns[0]?.question ?? '', hasImage)]).toEqual(expected.promptIds);
    expect([...conversationOf(turns, hasImage).inputIds]).toEqual(expected.trainingIds);
    const undivided = promptsWith(createProcessor(options), imageTokens).idsOf(
      turns[0]?.question ?? '',
      hasImage,
    );
    // Without legacy a text begins with a space only where it is a text of its own.
    expect(undivided.length === expected.promptIds.length).toBe(legacy || !hasImage);
  });
});
