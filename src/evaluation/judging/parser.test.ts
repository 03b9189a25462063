// Golden: test/fixtures/judge/answers.json; its `madeBy` says which script and version gave the reference values.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgedFigure, parseJudgeAnswer, roundHalfToEven } from './parser.ts';
import { strictScore } from './strict-score.ts';

interface Vectors {
  readonly madeBy: string;
  /** `strict`: the score, or why there is none. */
  readonly answers: readonly {
    readonly text: string;
    readonly reference: number | 'crash';
    readonly strict: number | string;
  }[];
  readonly files: readonly {
    readonly texts: readonly string[];
    readonly percent?: number;
    readonly crash?: true;
  }[];
}

const file = new URL('../../../test/fixtures/judge/answers.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

it('has vectors, and says who made them', () => {
  expect(vectors.madeBy).toMatch(/evaluate_score\.py .* CPython 3/);
  expect(vectors.answers.length).toBeGreaterThan(90);
});

it.each(vectors.answers)('$text', ({ text, reference, strict }) => {
  const { sum, crashes } = judgedFigure([text], 'reference');
  if (reference === 'crash') expect(crashes).toBe(1);
  else expect({ sum, crashes }).toEqual({ sum: reference, crashes: 0 });
  expect(parseJudgeAnswer(text, 'strict')).toEqual(
    typeof strict === 'number' ? { score: strict } : { unparsed: strict },
  );
});

describe('the figure of a file', () => {
  it.each(vectors.files)('reference: $texts', ({ texts, percent, crash }) => {
    const figure = judgedFigure(texts, 'reference');
    if (crash) expect(figure.crashes).toBeGreaterThan(0);
    else expect(figure).toMatchObject({ percent, crashes: 0 });
  });

  it('strict: the mean of what could be read, the rest apart', () => {
    expect(judgedFigure(['8', '10 points', 'no idea', ''], 'strict')).toEqual({
      percent: 90,
      judged: 4,
      unparsed: 2,
      crashes: 0,
      sum: 18,
    });
    expect(judgedFigure([], 'strict')).toMatchObject({ percent: 0, judged: 0 });
    expect(judgedFigure([], 'reference')).toMatchObject({ percent: 0, judged: 0 });
  });

  it('rounds ties to even', () => {
    expect([0.5, 1.5, 2.5, 82.5, 3.4, 3.6].map(roundHalfToEven)).toEqual([0, 2, 2, 82, 3, 4]);
  });
});

describe('strict parsing of any text', () => {
  it('gives a score of 0 to 10 or a reason', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (text) => {
        const parsed = strictScore(text);
        if ('score' in parsed) {
          expect(parsed.score).toBeGreaterThanOrEqual(0);
          expect(parsed.score).toBeLessThanOrEqual(10);
        } else expect(parsed.unparsed).toMatch(/\w/);
      }),
    );
  });

  it('reads every score in the forms that judges use', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 7 }), (tenths, form) => {
        const score = tenths / 10;
        const forms = [`${score}`, `${score}/10`, `Score: ${score}`, `${score} points`, `**${score}**`];
        const more = [`{"score": ${score}}`, `Rating: ${score} out of 10.`, `${score}\n\nIt says the same.`];
        expect(strictScore([...forms, ...more][form] ?? '')).toEqual({ score });
      }),
    );
  });
});
