// Comparisons of made-up methods whose differences are known.
import { expect, it } from 'vitest';
import type { ClusteredScores } from './bootstrap.ts';
import { type ComparedMethod, compareMethods, figuresOf } from './comparison.ts';
import type { MatrixRow } from './matrix.ts';
import { summarise } from './summary.ts';

const images = 200;

/** One question per image; those with a remainder below `right` of their number by 100 are answered. */
function cell(right: number, shift = 0): ClusteredScores {
  return {
    sums: Float64Array.from({ length: images }, (_, image) => (((image + shift) * 37) % 100 < right ? 1 : 0)),
    counts: new Float64Array(images).fill(1),
  };
}

const tasks = ['A', 'B'];
const method = (name: string, ...seeds: readonly (readonly [number, number, number])[]): ComparedMethod => ({
  name,
  seeds: seeds.map(([first, forgotten, second]) => [[cell(first)], [cell(forgotten), cell(second)]]),
});

it('gives every figure of each method, as the matrix is summed up', () => {
  const { estimates } = compareMethods({
    tasks,
    methods: [method('x', [80, 40, 60]), method('y', [80, 70, 60])],
  });
  expect(estimates[0]?.figures.map(({ name }) => name)).toEqual(figuresOf(tasks).map(({ name }) => name));
  const rows: readonly MatrixRow[] = [
    { after: 'A', scores: { A: 80 } },
    { after: 'B', scores: { A: 40, B: 60 } },
  ];
  const { finalAverage, maa, bwt } = summarise({ tasks, rows });
  const figures = estimates[0]?.figures ?? [];
  expect(figures.map(({ value }) => value)).toEqual([finalAverage, maa, bwt, 80, 40, 60]);
  for (const { low, value, high } of figures) {
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  }
});

it('tells apart what differs, and nothing that is the same', () => {
  const options = { tasks, methods: [method('x', [80, 40, 60]), method('y', [80, 70, 60])] };
  const { pairs } = compareMethods(options);
  const found = Object.fromEntries((pairs[0]?.differences ?? []).map((each) => [each.name, each]));
  expect(found.ACC).toMatchObject({ value: -15, distinguishable: true });
  expect(found.BWT).toMatchObject({ value: -15, distinguishable: true });
  expect(found['A after B']).toMatchObject({ value: -30, distinguishable: true });
  expect(found['A after A']).toMatchObject({ value: 0, low: 0, high: 0, distinguishable: false });
  // Paired: the second is right wherever the first is, so 0.3 of the images differ by 1.
  const error = 100 * Math.sqrt((0.3 * 0.7) / images);
  const { low = 0, high = 0 } = found['A after B'] ?? {};
  expect((high - low) / (2 * 1.96 * error)).toBeCloseTo(1, 0);
  expect(compareMethods(options)).toEqual(compareMethods(options));
  expect(compareMethods({ ...options, seed: 1 })).not.toEqual(compareMethods(options));
});

it('corrects for the number of pairs', () => {
  const methods = [0, 1, 2, 3].map((index) => ({
    name: `${index}`,
    seeds: [[[cell(50, index * 11)]]],
  }));
  const { pairs } = compareMethods({ tasks: ['A'], methods });
  expect(pairs.map(({ first, second }) => `${first}${second}`)).toEqual(['01', '02', '03', '12', '13', '23']);
  for (const { differences } of pairs) {
    for (const { distinguishable, alpha, low, high, adjustedP } of differences) {
      expect(alpha).toBeCloseTo(0.05 / 6, 12);
      expect(distinguishable).toBe(false);
      expect(low <= 0 && high >= 0).toBe(true);
      expect(adjustedP).toBeGreaterThan(0.05);
    }
  }
});

it('averages seeds and shows what they vary by', () => {
  const { estimates, pairs } = compareMethods({
    tasks,
    methods: [
      method('x', [80, 40, 60], [80, 42, 60], [80, 44, 60]),
      method('y', [80, 50, 60], [80, 54, 60], [80, 58, 60]),
    ],
  });
  const cellOf = (figures: readonly { name: string }[] | undefined) =>
    figures?.find(({ name }) => name === 'A after B');
  // Standard deviation 2 and t = 4.3027 at two degrees of freedom.
  expect(cellOf(estimates[0]?.figures)).toMatchObject({
    value: 42,
    overSeeds: { mean: 42, margin: expect.closeTo((4.30265 * 2) / Math.sqrt(3), 3) },
  });
  // By seed −10, −12 and −14.
  const difference = pairs[0]?.differences.find(({ name }) => name === 'A after B');
  expect(difference).toMatchObject({
    value: -12,
    of: 'methods',
    overSeeds: { mean: -12, margin: expect.closeTo((4.30265 * 2) / Math.sqrt(3), 3) },
  });
  // Its interval holds what the images leave open, too.
  expect(difference?.high).toBeGreaterThan(-12 + (4.30265 * 2) / Math.sqrt(3));
});

it('compares the asked pairs only, and corrects over those', () => {
  const methods = [method('x', [80, 40, 60]), method('y', [80, 70, 60]), method('z', [80, 72, 60])];
  const { pairs } = compareMethods({ tasks, methods, pairs: [[2, 0]] });
  expect(pairs.map(({ first, second }) => `${first} ${second}`)).toEqual(['z x']);
  expect(pairs[0]?.differences[0]).toMatchObject({ value: 16, distinguishable: true, alpha: 0.05 });
});

it('compares streams of other orders in what they sum up to, each task on its own draw', () => {
  // The second learns B first: the same scores at the end, other ones on the way.
  const [first, second] = [method('x', [80, 40, 60]), method('y', [90, 60, 40])];
  const swapped = { ...second, orders: [['B', 'A']] };
  const { estimates, pairs } = compareMethods({ tasks, methods: [first, swapped], cells: false });
  expect(estimates.map(({ figures }) => figures.map(({ name }) => name))).toEqual(
    Array(2).fill(['ACC', 'MAA', 'BWT']),
  );
  const [acc, maa, bwt] = pairs[0]?.differences ?? [];
  expect(acc).toMatchObject({ value: 0, low: 0, high: 0, distinguishable: false });
  expect(maa?.value).toBeCloseTo(-5);
  expect(bwt?.value).toBeCloseTo(-5);
  expect(figuresOf([])).toHaveLength(3);
});

it('leaves a BWT that is 0 by construction out of the comparison, and of the correction', () => {
  const fixed = { ...method('fixed', [70, 70, 60]), neverForgets: true };
  const methods = [method('x', [80, 40, 60]), fixed, method('y', [80, 70, 60])];
  const { pairs } = compareMethods({ tasks, methods });
  const bwt = pairs.map(({ first, second, differences }) => ({
    pair: `${first} ${second}`,
    ...differences.find(({ name }) => name === 'BWT'),
  }));
  expect(bwt.map(({ pair, tested, distinguishable }) => [pair, tested, distinguishable])).toEqual([
    ['x fixed', false, false],
    ['x y', true, true],
    ['fixed y', false, false],
  ]);
  expect(bwt[1]?.alpha).toBe(0.05);
  expect(pairs[0]?.differences[0]).toMatchObject({ name: 'ACC', tested: true, of: 'models' });
});

it('gives a cell in which nothing is right the exact interval', () => {
  const { estimates } = compareMethods({ tasks: ['A'], methods: [{ name: 'x', seeds: [[[cell(0)]]] }] });
  for (const { name, low, high } of estimates[0]?.figures ?? []) {
    if (name === 'BWT') continue;
    expect(low).toBe(0);
    expect(high).toBeCloseTo(100 * (1 - 0.025 ** (1 / images)), 6);
  }
});
