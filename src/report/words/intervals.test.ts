// What is said of intervals, out of made-up ones.
import { describe, expect, test } from 'vitest';
import { fakeResults } from '../../../test/support/fake-results.ts';
import type { IntervalResults, PairDifference, PairDifferences } from '../../results/intervals.ts';
import { renderReport } from '../page/html.ts';
import type { RunResults } from '../results.ts';
import { renderTables } from '../terminal/terminal.ts';
import { textWidth } from '../terminal/terminal-grid.ts';
import { comparisonSentences, intervalNote } from './intervals.ts';

const results = fakeResults();
const around = (value: number) => ({ low: value - 2, high: value + 2 });
const difference = (value: number, distinguishable = Math.abs(value) > 2): PairDifference => ({
  value,
  ...around(value),
  tested: true,
  distinguishable,
});
const pair = (first: string, second: string, acc: number, maa = acc, bwt = acc): PairDifferences => ({
  first,
  second,
  acc: difference(acc),
  maa: difference(maa),
  bwt: difference(bwt),
});

function withIntervals(comparison: IntervalResults['comparison'], few: readonly string[] = []): RunResults {
  const methods = Object.fromEntries(
    Object.entries(results.modes.strict.methods).map(([name, { finalAverage, maa, bwt, matrix }]) => [
      name,
      {
        acc: around(finalAverage),
        maa: around(maa),
        bwt: around(bwt),
        cells: matrix.rows.flatMap(({ after, scores }) =>
          Object.entries(scores).map(([task, score]) => ({ after, task, ...around(score) })),
        ),
      },
    ]),
  );
  const one: IntervalResults = {
    resamples: 2000,
    few,
    methods,
    comparison,
  };
  return { ...results, intervals: { strict: one, reference: one } };
}

describe('two methods are compared in a sentence', () => {
  test('alike in some figures and apart in others', () => {
    const shown = withIntervals({ stages: 8, pairs: [pair('lora', 'moelora', -1, -8.3, 0.4)] });
    expect(comparisonSentences(shown, 'strict')).toEqual([
      'Of these two models: LoRA and MoELoRA are not distinguishable in ACC (−1.00 [−3.00, +1.00]) and BWT (+0.40 [−1.60, +2.40]); MoELoRA is higher in MAA by 8.30 [6.30, 10.30].',
    ]);
  });

  test('but for a BWT that is 0 by construction', () => {
    const { bwt, ...rest } = pair('lora', 'joint', -1, 5);
    const shown = withIntervals({ stages: 8, pairs: [{ ...rest, bwt: { ...bwt, tested: false } }] });
    expect(comparisonSentences(shown, 'strict').join()).not.toContain('BWT');
  });

  test('apart in all of them, over the stages that both have', () => {
    const shown = withIntervals({ stages: 5, pairs: [pair('lora', 'moelora', 5)] });
    expect(comparisonSentences(shown, 'strict')).toEqual([
      'Of these two models: LoRA is higher in ACC by 5.00 [3.00, 7.00]; LoRA is higher in MAA by 5.00 [3.00, 7.00]; LoRA is higher in BWT by 5.00 [3.00, 7.00] after 5 stages.',
    ]);
  });
});

test('of more methods the highest is named, what is like it, and what is lower', () => {
  // ACC: b 10, c 9, a 5, d 1.
  const scores = { a: 5, b: 10, c: 9, d: 1 };
  const names = Object.keys(scores) as (keyof typeof scores)[];
  const pairs = names.flatMap((first, i) =>
    names.slice(i + 1).map((second) => pair(first, second, scores[first] - scores[second])),
  );
  expect(comparisonSentences(withIntervals({ stages: 8, pairs }), 'strict')).toEqual(
    ['ACC', 'MAA', 'BWT'].map(
      (name) => `Of these models b's is highest in ${name}; not distinguishable from it: c; lower: a and d.`,
    ),
  );
});

test('the note says what intervals leave out, and where they are too narrow', () => {
  expect(intervalNote(results, 'strict')).toBe('');
  expect(intervalNote(withIntervals(undefined), 'strict')).not.toContain('Holm');
  expect(
    intervalNote(withIntervals({ stages: 8, pairs: [pair('a', 'b', 1)] }, ['GQA', 'VQAv2']), 'strict'),
  ).toMatch(/2,000 draws .* one seed says nothing of methods\. .*Holm.*few test images of GQA and VQAv2\.$/);
});

describe('intervals are shown', () => {
  const shown = withIntervals({ stages: 8, pairs: [pair('lora', 'moelora', -10.5)] });

  test('beside the figures of the page and over its cells', () => {
    const page = renderReport(shown);
    expect(page).toContain('<span class="interval">[28.54, 32.54]</span>');
    expect(page).toContain('title="ImageNet, after OCRVQA: 12.10 [10.10, 14.10]"');
    expect(page).toContain('MoELoRA is higher in ACC by 10.50 [8.50, 12.50]');
    // A judge's matrix has none.
    expect(page.match(/<span class="interval">/g)).toHaveLength(2 * 2 * 3);
  });

  test.each([60, 80, 100])('in tables of %i columns', (width) => {
    const text = renderTables(shown, { width });
    expect(text).toMatch(/^ACC {4}30\.54 {3}\[28\.54, 32\.54\]/m);
    expect(text).toMatch(/^BWT {3}−31\.24 {3}\[−33\.24, −29\.24\]/m);
    expect(text.replaceAll('\n', ' ')).toContain('MoELoRA is higher in ACC by 10.50 [8.50, 12.50]');
    for (const line of text.split('\n')) expect(textWidth(line), line).toBeLessThanOrEqual(width);
  });
});
