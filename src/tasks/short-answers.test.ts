// Golden values of `reference`: CoIN's eval_ImagetNet.py, eval_gqa.py with its converter, eval_vizwiz.py, eval_vqav2.py
// and eval_ocrvqa.py at 4122465, run on CPython 3.11.7.
import { describe, expect, it } from 'vitest';
import { tasks } from './index.ts';
import type { ScoringMode, Task, TruthDetails } from './task.ts';

function verdict(task: Task, mode: ScoringMode, answer: string, text: string, truth: TruthDetails = {}) {
  const samples = [{ id: '1', text: '', answer, truth }];
  const score = task.score(mode, samples, [{ question_id: '1', prompt: '', text }]);
  return score.samples[0]?.verdict;
}

describe.each([
  // reference.md, ImageNet: a part of the other text, in either direction, is enough; case counts.
  ['ImageNet', 'hot dog', 'hot dog', 'right', 'right'],
  ['ImageNet', 'hot dog', 'dog', 'right', 'wrong'],
  ['ImageNet', 'hot dog', 'o', 'right', 'wrong'],
  ['ImageNet', 'hot dog', '', 'right', 'unparseable'],
  ['ImageNet', 'hot dog', 'It is a hot dog on a plate', 'right', 'wrong'],
  ['ImageNet', 'hot dog', 'Hot dog.', 'wrong', 'right'],
  ['ImageNet', 'hot_dog', 'hot dog', 'wrong', 'right'],
  ['ImageNet', 'great white shark, white shark', 'White shark', 'wrong', 'right'],
  ['ImageNet', 'great white shark, white shark', 'shark', 'right', 'wrong'],
  // reference.md, GQA: trailing full stops are stripped, then lower case; nothing is trimmed.
  ['GQA', 'left', 'Left..', 'right', 'right'],
  ['GQA', 'left', 'left. ', 'wrong', 'right'],
  ['GQA', 'left', ' left', 'wrong', 'right'],
  ['GQA', 'left', 'the left', 'wrong', 'wrong'],
  // reference.md, VizWiz, VQAv2: upper-cased equality.
  ['VizWiz', 'Unanswerable', 'unanswerable', 'right', 'right'],
  ['VizWiz', 'strasse', 'stra\u00dfe', 'right', 'wrong'],
  ['VizWiz', 'yes', 'Yes.', 'wrong', 'right'],
  ['VQAv2', 'yes', 'YES', 'right', 'right'],
  ['VQAv2', 'yes', ' yes', 'wrong', 'right'],
  ['VQAv2', 'yes', '', 'wrong', 'unparseable'],
  // reference.md, OCRVQA: lower-cased equality; the capitalised word is always wrong.
  ['OCRVQA', 'Travel', 'travel', 'right', 'right'],
  ['OCRVQA', 'Travel', 'Travel.', 'wrong', 'right'],
  ['OCRVQA', 'Unanswerable', 'Unanswerable', 'wrong', 'right'],
  ['OCRVQA', 'Unanswerable', 'unanswerable', 'right', 'right'],
] as const)('%s: gold %j, answer %j', (name, gold, text, reference, strict) => {
  it(`is ${reference} to the reference, ${strict} strictly`, () => {
    expect(verdict(tasks[name], 'reference', gold, text)).toBe(reference);
    expect(verdict(tasks[name], 'strict', gold, text)).toBe(strict);
  });
});

it('ImageNet pairs by position in the reference, by id strictly (reference.md, ImageNet)', () => {
  const samples = ['cat', 'dog'].map((answer, index) => ({ id: `${index}`, text: '', answer, truth: {} }));
  const swapped = [
    { question_id: '1', prompt: '', text: 'dog' },
    { question_id: '0', prompt: '', text: 'cat' },
  ];
  expect(tasks.ImageNet.score('reference', samples, swapped).accuracy).toBe(0);
  expect(tasks.ImageNet.score('strict', samples, swapped).accuracy).toBe(100);
});

describe('GQA (reference.md, GQA)', () => {
  const sample = (id: string, answer: string, isBalanced: boolean) => ({
    id,
    text: '',
    answer: 'not read',
    truth: { raw: { answer, isBalanced } },
  });
  const samples = [sample('1', 'left', true), sample('2', 'red', true), sample('3', 'no', false)];
  const predict = (question_id: string, text: string) => ({ question_id, prompt: '', text });

  it('counts balanced questions with a prediction, the last of duplicates', () => {
    const predictions = [predict('1', 'right'), predict('1', 'left'), predict('3', 'yes')];
    expect(tasks.GQA.score('reference', samples, predictions)).toMatchObject({
      accuracy: 100,
      denominator: 1,
    });
    expect(tasks.GQA.score('strict', samples, predictions)).toMatchObject({ accuracy: 0, denominator: 3 });
  });

  it('does not lower the gold answer, which is lower case in the official file', () => {
    expect(verdict(tasks.GQA, 'reference', 'Left', 'left')).toBe('wrong');
    expect(verdict(tasks.GQA, 'strict', 'Left', 'left')).toBe('right');
  });
});

describe('VizWiz and VQAv2 with ten human answers', () => {
  const humanAnswers = ['yes', 'yes', 'yes', 'yep', 'yep', 'no', 'no', 'no', 'no', 'no'];
  it.each(['VizWiz', 'VQAv2'] as const)(
    '%s: soft accuracy strictly, the single answer in the reference',
    (name) => {
      const samples = [{ id: '1', text: '', answer: 'no', truth: { humanAnswers } }];
      const predictions = [{ question_id: '1', prompt: '', text: 'Yep.' }];
      expect(tasks[name].score('strict', samples, predictions).accuracy).toBeCloseTo(60, 10);
      expect(tasks[name].score('reference', samples, predictions).accuracy).toBe(0);
    },
  );
});
