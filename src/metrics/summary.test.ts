// Published numbers: the authors' own result files, by their id in published-matrices.json.
import { describe, expect, it } from 'vitest';
import { DataError } from '../base/errors.ts';
import type { AccuracyMatrix } from './matrix.ts';
import { formatPercent, isComplete, summarise, validateMatrix } from './summary.ts';

function matrixOf(tasks: readonly string[], rows: readonly (readonly number[])[]): AccuracyMatrix {
  return {
    tasks,
    rows: rows.map((scores, stage) => ({
      after: tasks[stage] ?? '',
      scores: Object.fromEntries(scores.map((score, task) => [tasks[task] ?? '', score])),
    })),
  };
}

const sevenTasks = ['TextVQA', 'ImageNet', 'GQA', 'VizWiz', 'Grounding', 'VQAv2', 'OCRVQA'];

/** id llava7b-moelora-8: LLaVA-1.5-7B, MoELoRA with 8 experts, without ScienceQA. */
const moelora = matrixOf(sevenTasks, [
  [51.73],
  [13.15, 96.7],
  [35.53, 6.62, 59.42],
  [41.69, 5.53, 45.27, 58.88],
  [13.97, 0.25, 32.62, 30.4, 37.5],
  [50.48, 8.15, 51.75, 28.52, 0.97, 64.22],
  [38.63, 10.5, 37.38, 43.62, 0.59, 43.15, 60.08],
]);

describe('summarise', () => {
  it('follows the formulas', () => {
    const matrix = matrixOf(['a', 'b', 'c'], [[90], [60, 80], [30, 50, 70]]);
    const { maa, bwt, finalAverage } = summarise(matrix);
    expect(maa).toBeCloseTo((90 + 70 + 50) / 3, 12);
    expect(bwt).toBeCloseTo((-60 - 30 + 0) / 3, 12);
    expect(finalAverage).toBeCloseTo(50, 12);
    expect(summarise(matrix, { bwtDivisor: 'T-1' }).bwt).toBeCloseTo(-45, 12);
  });

  it("agrees with the sum of changes in the authors' files (llava7b-moelora-8: -194.58 over seven tasks)", () => {
    expect(summarise(moelora).bwt * 7).toBeCloseTo(-194.58, 10);
    expect(summarise(moelora).finalAverage).toBeCloseTo(233.95 / 7, 10);
  });

  it('gives the published BWT with divisor T, with ScienceQA 75.78 to 63.09 added (reference.md, Metrics)', () => {
    const withScienceQa = matrixOf(
      ['ScienceQA', ...sevenTasks],
      [
        [75.78],
        ...moelora.rows.map(({ scores }, stage) => [
          stage === 6 ? 63.09 : 0,
          ...sevenTasks.slice(0, stage + 1).map((task) => scores[task] ?? Number.NaN),
        ]),
      ],
    );
    expect(formatPercent(summarise(withScienceQa).bwt)).toBe('-25.91');
    expect(formatPercent(summarise(withScienceQa, { bwtDivisor: 'T-1' }).bwt)).not.toBe('-25.91');
  });

  it('sums an unfinished run up as a shorter stream', () => {
    const unfinished = { tasks: moelora.tasks, rows: moelora.rows.slice(0, 2) };
    const shorter = { tasks: moelora.tasks.slice(0, 2), rows: moelora.rows.slice(0, 2) };
    expect(summarise(unfinished)).toEqual(summarise(shorter));
    expect(isComplete(unfinished)).toBe(false);
    expect(isComplete(shorter)).toBe(true);
  });

  it('has no transfer after one stage, whatever the divisor', () => {
    const one = matrixOf(['a'], [[40]]);
    expect(summarise(one, { bwtDivisor: 'T-1' })).toEqual({ maa: 40, bwt: 0, finalAverage: 40 });
  });

  it('passes over scores of tasks not yet seen', () => {
    const seen = matrixOf(['a', 'b'], [[90], [60, 80]]);
    const rows = seen.rows.map((row) => ({ ...row, scores: { b: 5, ...row.scores } }));
    expect(summarise({ ...seen, rows })).toEqual(summarise(seen));
  });

  it('names a missing cell', () => {
    expect(() => summarise(matrixOf(['a', 'b'], [[90], [60]]))).toThrow('no score on b after b');
    expect(() => summarise({ tasks: ['a'], rows: [] })).toThrow('no row');
  });
});

describe('validateMatrix', () => {
  const good = { tasks: ['a', 'b'], rows: moelora.rows.slice(0, 0) };
  const rowA = { after: 'a', scores: { a: 90 } };
  const rowB = { after: 'b', scores: { a: 60, b: 80 } };

  it('takes a matrix, and other fields beside it', () => {
    expect(validateMatrix({ ...good, rows: [rowA, rowB], note: 'x' }, 'm.json')).toEqual({
      tasks: ['a', 'b'],
      rows: [rowA, rowB],
    });
    expect(validateMatrix({ ...good, rows: [rowA] }, 'm.json').rows).toHaveLength(1);
  });

  it.each([
    [[], /^m\.json: /],
    [{ rows: [rowA] }, /^m\.json: tasks: /],
    [{ ...good, rows: [] }, /^m\.json: rows: expected at least one row/],
    [{ tasks: ['a', 'a'], rows: [rowA] }, /the task a occurs twice/],
    [
      { ...good, rows: [rowB, rowA] },
      /^m\.json:1: after: rows are out of order: expected the stage after a, found b/,
    ],
    [{ ...good, rows: [{ ...rowA, after: 'x' }] }, /^m\.json:1: after: unknown task "x"/],
    [{ ...good, rows: [rowA, rowB, rowB] }, /^m\.json:3: rows: expected at most one row per task \(2\)/],
    [
      { ...good, rows: [rowA, { ...rowB, scores: { b: 1 } }] },
      /^m\.json:2: scores\.a: the score on a after b/,
    ],
    [{ ...good, rows: [{ ...rowA, scores: { a: 1, x: 1 } }] }, /^m\.json:1: scores\.x: unknown task "x"/],
    [
      { ...good, rows: [{ ...rowA, scores: { a: 100.1 } }] },
      /^m\.json:1: scores\.a: expected percent .* 100\.1/,
    ],
    [{ ...good, rows: [{ ...rowA, scores: { a: -1 } }] }, /^m\.json:1: scores\.a: expected percent/],
    [{ ...good, rows: [{ ...rowA, scores: { a: '90' } }] }, /^m\.json: rows\.0\.scores\.a: .*number/],
  ])('refuses %j', (json, message) => {
    expect(() => validateMatrix(json, 'm.json')).toThrow(DataError);
    expect(() => validateMatrix(json, 'm.json')).toThrow(message);
  });
});

describe('formatPercent prints as Python does (CPython 3.11.7; reference.md, Scorers)', () => {
  it.each([
    [3.125, '3.12'],
    [3.375, '3.38'],
    [-3.125, '-3.12'],
    [-3.375, '-3.38'],
    [0.125, '0.12'],
    [99.875, '99.88'],
    [99.625, '99.62'],
    [2.675, '2.67'],
    [1.005, '1.00'],
    [50, '50.00'],
    [100 / 3, '33.33'],
    [-0.001, '-0.00'],
  ])('%d: %s', (value, text) => {
    expect(formatPercent(value)).toBe(text);
  });

  it('refuses what is no number', () => {
    expect(() => formatPercent(Number.NaN)).toThrow('internal');
  });
});
