// Golden values of `reference`: eval_grounding.py of zackschen/CoIN at 4122465, run on CPython 3.11.7.
import { describe, expect, it } from 'vitest';
import type { ScoringMode, TestSample } from '../task.ts';
import { type Box, groundingScorer, intersectionOverUnion, referenceBox, strictBox } from './score.ts';

function verdict(
  mode: ScoringMode,
  box: Box,
  text: string,
  imageSize: readonly [number, number] = [640, 480],
) {
  const sample = { id: '1', text: '', answer: '', truth: { box, imageSize } };
  const judge = mode === 'strict' ? groundingScorer.strict : groundingScorer.reference.judge;
  return judge(sample, text).verdict;
}

const whole: Box = [0, 0, 1, 1];

describe('the box that the reference reads (reference.md, Grounding)', () => {
  it.each([
    ['[0.12, 0.30, 0.55, 0.88]', [0.12, 0.3, 0.55, 0.8]],
    ['[0.1,0.2,0.3,0.4]', [0.1, 0.2, 0.3, 0]],
    ['[1.0,0.2,1.0,1.0]', [0, 0.2, 1, 1]],
    ['(0.12,0.3,0.5,0.8)', [0.12, 0.3, 0.5, 0.8]],
    ['0.12,0.30,0.55,0.88', [0.12, 0.3, 0.55, 0.8]],
    ['(0.2,0.2,0.8_0,०.८)', [0.2, 0.2, 0.8, 0.8]],
    ['(0.2 0.2 0.8 0.8)', undefined],
    ['(0.1,0.2,0.3)', undefined],
    ['(0.1,0.2,0.3,0.4,0.5)', undefined],
    ['a cat', undefined],
    ['', undefined],
  ])('%j', (text, box) => {
    expect(referenceBox(text)).toEqual(box);
  });

  it.each([
    [[0.12, 0.3, 0.55, 0.88], '[0.12, 0.30, 0.55, 0.88]', 'right'],
    [[0.1, 0.2, 0.3, 0.4], '[0.1,0.2,0.3,0.4]', 'wrong'],
    [[0.1, 0.2, 0.3, 0.4], '(0.1,0.2,0.3,0.4)', 'right'],
    [[0.9, 0.2, 1, 1], '[1.0,0.2,1.0,1.0]', 'wrong'],
    [whole, '(0,0,0.5,1)', 'wrong'],
    [whole, '(0,0,1,nan)', 'wrong'],
    [whole, '(0,0,1,inf)', 'wrong'],
    [whole, '(1,1,0,0)', 'wrong'],
    [whole, '[[0.0, 0.0, 1.0, 1.0]]', 'right'],
    [whole, 'no box', 'unparseable'],
  ] as const)('%j against %j: %s', (gold, text, expected) => {
    expect(verdict('reference', gold, text)).toBe(expected);
  });

  it('multiplies by the longer side, which decides at an overlap of one half (reference.md, Scorers)', () => {
    const gold: Box = [0, 0, 0.6, 0.6];
    expect(verdict('reference', gold, '(0.0,0.0,0.3,0.6)', [427, 333])).toBe('right');
    expect(verdict('reference', gold, '(0.0,0.0,0.3,0.6)', [640, 480])).toBe('wrong');
  });
});

describe('the box that a text holds, strictly', () => {
  it.each([
    ['[0.12, 0.30, 0.55, 0.88]', [0.12, 0.3, 0.55, 0.88]],
    ['0.1 0.2 0.3 1', [0.1, 0.2, 0.3, 1]],
    ['The box is (.1,.2,.3,.4).', [0.1, 0.2, 0.3, 0.4]],
    ['Both of the 2 cats: [0.1, 0.2, 0.3, 0.4]', [0.1, 0.2, 0.3, 0.4]],
    ['[0.1, 0.2, 0.3, 1.4]', undefined],
    ['[-0.1, 0.2, 0.3, 0.4]', undefined],
    ['[0.1, 0.2, 0.3]', undefined],
    ['[0.1, 0.2, 0.3, 0.4] or [0.5, 0.6, 0.7, 0.8]', undefined],
    ['on the left', undefined],
    ['', undefined],
  ])('%j', (text, box) => {
    expect(strictBox(text)).toEqual(box);
  });

  it.each([
    [[0.1, 0.2, 0.3, 0.4], '[0.1,0.2,0.3,0.4]', 'right'],
    [whole, '[0,0,0.5,1]', 'right'],
    [[0.4, 0.4, 0.6, 0.6], '[0.4,0.4,0.5,0.6]', 'right'],
    [whole, '[0,0,0.49,1]', 'wrong'],
    [whole, '[1,1,0,0]', 'wrong'],
    [whole, '[0.2,0.2,0.2,0.9]', 'wrong'],
    [whole, 'no box', 'unparseable'],
  ] as const)('%j against %j: %s', (gold, text, expected) => {
    expect(verdict('strict', gold, text)).toBe(expected);
  });
});

it("holds MiniGPT-v2's boxes against the unpadded image, computed where the file does not say", () => {
  const sample: TestSample = {
    id: '1',
    text: '',
    answer: '',
    truth: { box: [0.1, 0.225, 0.3, 0.525], imageSize: [640, 480] },
  };
  const judge = groundingScorer.strictOf?.minigpt;
  expect(judge?.(sample, '[0.1, 0.1333, 0.3, 0.5333]').verdict).toBe('right');
  expect(judge?.(sample, '[0.1, 0.4, 0.3, 0.8]').verdict).toBe('wrong');
});

it('intersection over union', () => {
  expect(intersectionOverUnion([0, 0, 2, 2], [1, 1, 3, 3])).toBeCloseTo(1 / 7, 12);
  expect(intersectionOverUnion([0, 0, 1, 1], [2, 2, 3, 3])).toBe(0);
  expect(intersectionOverUnion([0, 0, 0, 0], [0, 0, 0, 0])).toBe(0);
});
