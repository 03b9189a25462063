// Golden values of `reference`: m4c_evaluator.py of zackschen/CoIN at 4122465, run on CPython 3.11.7.
import { describe, expect, it } from 'vitest';
import { scorePredictions } from '../scoring.ts';
import { normaliseHumanAnswer, softAccuracy } from '../vqa.ts';
import { contractions, normaliseLikeEvalAi } from './evalai.ts';
import { textvqaScorer } from './score.ts';

describe("the reference's normalisation (reference.md, TextVQA)", () => {
  it.each([
    ['3.5', '3.5'],
    ['3.', '3'],
    ['u.s.a.', 'usa'],
    ['1,000 Miles', '1000 miles'],
    ['Red, blue?', 'red blue'],
    ['t-shirt', 't shirt'],
    ['t - shirt', 't shirt'],
    ['a-b - c', 'ab c'],
    ["Levi's", "levi 's"],
    ['two dont', "2 don't"],
    ["Somebody'd", 'somebodyd'],
    ['A', ''],
    ['wouldntve', 'wouldntve'],
    ["wouldn'tve", "wouldn't've"],
    [`${'.'.repeat(33)}x`, '.x'],
    ['the NONE', '0'],
    [' 10\n%', '10 %'],
  ])('%j: %j', (text, normalised) => {
    expect(normaliseLikeEvalAi(text)).toBe(normalised);
  });

  it('has every entry of the contraction table that can match', () => {
    // 120 entries, less four with capitals in the key and two that change nothing.
    expect(contractions.size).toBe(114);
    expect(contractions.get("'ows'at")).toBe("'ow's'at");
    expect(contractions.get("y'alld've")).toBe("y'all'd've");
    expect(contractions.get('oclock')).toBe("o'clock");
    expect(contractions.has('lets')).toBe(false);
  });
});

describe('soft accuracy (reference.md, TextVQA)', () => {
  it.each([
    [0, 0],
    [1, 0.3],
    [2, 0.6],
    [3, 0.9],
    [4, 1],
    [10, 1],
  ])('%i of ten people: %f', (count, score) => {
    const answers = Array.from({ length: 10 }, (_, index) => (index < count ? 'stop' : `other ${index}`));
    expect(softAccuracy('stop', answers)).toBeCloseTo(score, 12);
  });
});

describe('the normalisation as it is meant', () => {
  it.each([
    ['Red, blue?', 'red blue'],
    ['a-b - c', 'b c'],
    ["Levi's", 'levis'],
    ['DONT', 'dont'],
    ["don't", 'dont'],
    ['A', 'a'],
    ['The', 'the'],
    ['1,000', '1000'],
    ['1,2', '1 2'],
    ['3.5.', '3.5'],
    ['.5', '.5'],
    [`${'.'.repeat(40)}x`, 'x'],
    ['None', '0'],
  ])('%j: %j', (text, normalised) => {
    expect(normaliseHumanAnswer(text)).toBe(normalised);
  });
});

it('scores both modes against ten answers', () => {
  const humanAnswers = ['a', 'a', 'a', 'a', 'b', 'b', 'c', 'c', 'c', 'd'];
  const samples = ['1', '2', '3', '4'].map((id) => ({ id, text: '', answer: 'a', truth: { humanAnswers } }));
  const predictions = [
    { question_id: '1', prompt: '', text: 'the' },
    { question_id: '2', prompt: '', text: 'B.' },
    { question_id: '3', prompt: '', text: '' },
  ];
  // "the" and "" are both empty after normalisation, and so is the gold answer "a".
  const reference = scorePredictions(textvqaScorer, 'reference', samples, predictions);
  expect(reference.accuracy).toBeCloseTo((100 * (1 + 0.6 + 1)) / 3, 10);
  const strict = scorePredictions(textvqaScorer, 'strict', samples, predictions);
  expect(strict.accuracy).toBeCloseTo((100 * 0.6) / 4, 10);
  expect(strict.samples.map(({ verdict }) => verdict)).toEqual(['wrong', 'right', 'unparseable', 'missing']);
});
