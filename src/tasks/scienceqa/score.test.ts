// Golden values of `reference`: eval_science_qa.py of zackschen/CoIN at 4122465, run on CPython 3.11.7.
import { describe, expect, it } from 'vitest';
import { scorePredictions } from '../scoring.ts';
import type { TestSample } from '../task.ts';
import { referenceLetter, scienceqaScorer, strictChoice } from './score.ts';

describe('the letter that the reference reads (reference.md, ScienceQA)', () => {
  it.each([
    ['B', 'B'],
    ['B. a cat', 'B'],
    ['b', 'B'],
    ['(C)', 'C'],
    ['This is a cat.', 'A'],
    ['I think C', 'I'],
    ["it's D", 'S'],
    ['option 3', '3'],
    ['_ or B', '_'],
    ['à B', 'À'],
    ['The answer is B', 'B'],
    ['cat', undefined],
    ['', undefined],
    ['D.', 'D'],
    ['e\u0301 B', 'E'],
  ])('%j: %s', (text, letter) => {
    expect(referenceLetter(text)).toBe(letter);
  });
});

describe('the option that a text names, strictly', () => {
  const choices = ['a cat', 'A dog.', 'the answer is unclear'];
  it.each([
    ['B', 1],
    ['b', 1],
    [' B. ', 1],
    ['(b)', 1],
    ['B)', 1],
    ['B:', 1],
    ['B. a dog', 1],
    ['(B) a dog', 1],
    ['B\nBecause it barks.', 1],
    ['The answer is B', 1],
    ['The answer is B.', 1],
    ['The correct answer is (B), a dog.', 1],
    ['Answer: B', 1],
    ['the answer is option C because it is', 2],
    ['A dog', 1],
    ['a DOG.', 1],
    ['The answer is unclear.', 2],
    ['This is a cat.', undefined],
    ['I think C', undefined],
    ["it's B", undefined],
    ['The answer is a cat', undefined],
    ['The answer is B. No, the answer is C.', undefined],
    ['A. The answer is B.', undefined],
    ['D', undefined],
    ['Beside the house', undefined],
    ['A cat', 0],
    ['B or C', undefined],
    ['', undefined],
  ])('%j: %s', (text, index) => {
    expect(strictChoice(text, choices)).toBe(index);
  });

  it('reads an option that begins like a letter as the option', () => {
    expect(strictChoice('C. elegans', ['C. elegans', 'E. coli', 'a yeast'])).toBe(0);
    expect(strictChoice('C', ['C. elegans', 'E. coli', 'a yeast'])).toBe(2);
    expect(strictChoice('B', ['B', 'A'])).toBe(1);
  });

  it('does not choose between options of the same text', () => {
    expect(strictChoice('cat', ['cat', 'Cat.', 'dog'])).toBeUndefined();
  });
});

describe('the score', () => {
  const sample = (id: string, choiceIndex: number, count = 3): TestSample => ({
    id,
    text: '',
    answer: '',
    truth: { choices: Array.from({ length: count }, (_, index) => `option ${index}`), choiceIndex },
  });
  const predict = (question_id: string, text: string) => ({ question_id, prompt: '', text });

  it('counts missing ones as wrong, keeps the last of duplicates, ignores unknown ids (reference.md, ScienceQA)', () => {
    const samples = [sample('1', 0), sample('2', 1), sample('3', 2), sample('4', 2)];
    const predictions = [predict('1', 'B'), predict('9', 'A'), predict('1', 'A'), predict('2', 'E')];
    expect(scorePredictions(scienceqaScorer, 'reference', samples, predictions)).toMatchObject({
      accuracy: 25,
      denominator: 4,
      missing: 2,
      extra: 1,
      duplicate: 1,
    });
    expect(scorePredictions(scienceqaScorer, 'reference', samples, [])).toMatchObject({
      accuracy: 0,
      denominator: 4,
    });
  });

  it('tells an unreadable answer from a wrong one', () => {
    const samples = [sample('1', 0), sample('2', 1)];
    const predictions = [predict('1', 'This is a cat.'), predict('2', 'C')];
    expect(scorePredictions(scienceqaScorer, 'reference', samples, predictions).accuracy).toBe(50);
    const strict = scorePredictions(scienceqaScorer, 'strict', samples, predictions);
    expect(strict.samples.map(({ verdict }) => verdict)).toEqual(['unparseable', 'wrong']);
  });

  it('never gives the sixth of six options to the reference, which crashes there (reference.md, Scorers)', () => {
    const samples = [sample('1', 5, 6)];
    const predictions = [predict('1', 'F')];
    expect(scorePredictions(scienceqaScorer, 'reference', samples, predictions).accuracy).toBe(0);
    expect(scorePredictions(scienceqaScorer, 'strict', samples, predictions).accuracy).toBe(100);
  });
});
