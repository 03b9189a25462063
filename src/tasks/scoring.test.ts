import { describe, expect, it } from 'vitest';
import { exactMatch, normaliseShortAnswer } from './matching.ts';
import { rightIf, type Scorer, scorePredictions } from './scoring.ts';
import type { Prediction, TestSample } from './task.ts';

function samplesOf(answers: Readonly<Record<string, string>>): readonly TestSample[] {
  return Object.entries(answers).map(([id, answer]) => ({ id, answer, text: '', truth: {} }));
}

function predict(question_id: string, text: string): Prediction {
  return { question_id, prompt: '', text };
}

const equal = ({ answer }: TestSample, text: string) => rightIf(answer === text, text);
const scorer: Scorer = { reference: { judge: equal }, strict: exactMatch() };
const samples = samplesOf({ p: 'red', q: 'blue', r: 'green', s: 'white' });
const predictions = [
  predict('q', 'Blue.'),
  predict('p', 'red'),
  predict('p', 'pink'),
  predict('r', ' '),
  predict('z', 'x'),
];

describe('strict scoring', () => {
  it('pairs by id, divides by the samples, and keeps missing, unparseable and wrong apart', () => {
    const score = scorePredictions(scorer, 'strict', samples, predictions);
    expect(score).toEqual({
      mode: 'strict',
      accuracy: 50,
      correct: 2,
      denominator: 4,
      expected: 4,
      missing: 1,
      unparseable: 1,
      extra: 1,
      duplicate: 1,
      samples: [
        { id: 'p', verdict: 'right', score: 1, parsed: 'red' },
        { id: 'q', verdict: 'right', score: 1, parsed: 'blue' },
        { id: 'r', verdict: 'unparseable', score: 0, parsed: null },
        { id: 's', verdict: 'missing', score: 0, parsed: null },
      ],
    });
  });

  it('does not depend on the order of the lines of different samples', () => {
    const shuffled = [1, 2, 0, 4, 3].flatMap((index) => predictions[index] ?? []);
    expect(scorePredictions(scorer, 'strict', samples, shuffled)).toEqual(
      scorePredictions(scorer, 'strict', samples, predictions),
    );
  });
});

describe('reference scoring (reference.md, Scorers)', () => {
  it('divides by the lines, so a missing prediction raises the score and a duplicate counts twice', () => {
    const score = scorePredictions(scorer, 'reference', samples, predictions);
    expect(score).toMatchObject({ accuracy: 25, denominator: 4, missing: 1, extra: 1, duplicate: 1 });
    expect(score.samples.map(({ id, verdict }) => `${id} ${verdict}`)).toEqual([
      'q wrong',
      'p right',
      'p wrong',
      'r wrong',
    ]);
  });

  it('can pair by position whatever the ids say', () => {
    const byPosition: Scorer = { ...scorer, reference: { judge: equal, pairing: 'positions' } };
    const lines = [predict('q', 'red'), predict('p', 'blue'), predict('r', 'white')];
    expect(scorePredictions(byPosition, 'reference', samples, lines)).toMatchObject({
      accuracy: (100 * 2) / 3,
      denominator: 3,
    });
  });

  it('can keep the last of duplicates and count the missing as wrong', () => {
    const asDictionary: Scorer = {
      ...scorer,
      reference: { judge: equal, pairing: 'lastOfEachId', missing: 'wrong' },
    };
    expect(scorePredictions(asDictionary, 'reference', samples, predictions)).toMatchObject({
      accuracy: 0,
      denominator: 4,
    });
  });

  it('gives 0 % for an empty file where the script divides by zero', () => {
    expect(scorePredictions(scorer, 'reference', samples, [])).toMatchObject({ accuracy: 0, denominator: 0 });
  });
});

describe('the same short answer', () => {
  it.each([
    ['Red', ' red.  ', true],
    ['the  red\nfox', 'The red fox', true],
    ['caf\u00e9', 'CAFE\u0301', true],
    ['U.S.', 'u.s', true],
    ['.', '...', false],
    ['3.5', '35', false],
    ['red', 'the red', false],
    ['t-shirt', 't shirt', false],
  ])('%j and %j: %s', (first, second, same) => {
    expect(normaliseShortAnswer(first) === normaliseShortAnswer(second)).toBe(same);
  });
});
