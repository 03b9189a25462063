import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../formats/text/tokenizer.ts';
import { createProcessor } from '../../models/llava/processor.ts';
import { RandomStream } from '../../tensor/random.ts';
import { trainVocabulary } from './vocabulary.ts';

const NOUNS = ['dog', 'umbrella', 'apple', 'guitar', 'penguin', 'country', 'Paris', 'Berlin'];
const PLACES = ['left', 'right', 'top', 'bottom', 'centre'];

function* sentences(count: number): Generator<string> {
  const random = new RandomStream(1, 'vocabulary test');
  const pick = (words: readonly string[]) => words[random.uint32() % words.length] as string;
  for (let i = 0; i < count; i++) {
    yield `Where is the ${pick(NOUNS)}? The ${pick(NOUNS)} is at the ${pick(PLACES)}, (0.${random.uint32() % 100}).`;
    if (i % 3 === 0) yield `The sign says STOP and ${pick(['EXIT', 'OPEN', 'TAXI'])}.`;
  }
}

const vocabulary = trainVocabulary(sentences(2000), { size: 700 });
const tokenizer = createTokenizer(vocabulary.tokenizer, vocabulary.tokenizerConfig);
const { vocab, merges } = vocabulary.tokenizer.model as { vocab: Record<string, number>; merges: string[] };
const spelled = (text: string) =>
  tokenizer.encode(text).map((id) => Object.entries(vocab).find(([, other]) => other === id)?.[0] ?? id);

describe('the learnt vocabulary', () => {
  it('has the size asked for at most, and the same files for the same sentences', () => {
    expect(vocabulary.size).toBeLessThanOrEqual(700);
    expect(tokenizer.vocabularySize).toBe(vocabulary.size);
    expect(JSON.stringify(trainVocabulary(sentences(2000), { size: 700 }))).toBe(JSON.stringify(vocabulary));
    const small = trainVocabulary(sentences(2000), { size: 400 });
    expect(small.size).toBe(400);
    expect(() => trainVocabulary(sentences(10), { size: 300 })).toThrow('300 tokens do not hold');
  });

  it('spells common words as one token', () => {
    for (const word of [...NOUNS, ...PLACES, 'Where', 'the', 'sign'])
      expect(spelled(word)).toEqual([`▁${word}`]);
    expect(spelled('the dog is left')).toEqual(['▁the', '▁dog', '▁is', '▁left']);
  });

  it('spells capitals, digits and punctuation one by one', () => {
    expect(spelled('say STOP')).toEqual([...spelled('say'), '▁S', 'T', 'O', 'P']);
    expect(spelled('EXIT').slice(1)).toEqual(['X', 'I', 'T']);
    expect(spelled('(0.25)')).toEqual(['▁', '(', '0', '.', '2', '5', ')']);
  });

  it('never merges across words, digits, punctuation or capitals', () => {
    expect(merges.length).toBeGreaterThan(50);
    for (const merge of merges) {
      const token = merge.replace(' ', '');
      expect(token).toMatch(/^▁?\p{Lu}?\p{Ll}*$/u);
    }
  });

  it("has LLaMA's layout: control tokens, 256 bytes, then characters", () => {
    expect([vocab['<unk>'], vocab['<s>'], vocab['</s>'], vocab['<0x00>'], vocab['<0xFF>']]).toEqual([
      0, 1, 2, 3, 258,
    ]);
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([1, 2, vocabulary.padTokenId]);
    expect(tokenizer.tokenId('<image>')).toBe(vocabulary.imageTokenId);
    expect(vocabulary.imageTokenId).toBeLessThan(vocabulary.size);
  });

  it('round-trips any text, characters it never saw by their bytes', () => {
    expect(spelled('é')).toEqual(['▁', '<0xC3>', '<0xA9>']);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // Roles swallow spaces around them, and the mark of a space reads as a space.
        fc.pre(!/[\uFEFF\u2581]|USER:|ASSISTANT:/.test(text));
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('gives each role one token in a conversation', () => {
    const options = {
      tokenizer,
      imageTokenId: vocabulary.imageTokenId,
      template: 'roles',
    } as const;
    const ids = createProcessor(options).ask('Where is the dog?', { image: { rows: 2 } }).inputIds;
    const [user, assistant] = ['USER:', 'ASSISTANT:'].map((role) => tokenizer.tokenId(role));
    expect([...ids.subarray(0, 4)]).toEqual([1, user, options.imageTokenId, options.imageTokenId]);
    expect(ids.at(-1)).toBe(assistant);
  });
});
