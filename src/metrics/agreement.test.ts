// Krippendorff's own example (2011, section C and D): four observers, twelve units; and values derived by hand.
import { describe, expect, it } from 'vitest';
import { confusion, krippendorffAlpha, type Ratings } from './agreement.ts';

const nothing = undefined;
const observers: readonly Ratings[] = [
  [1, 2, 3, 3, 2, 1, 4, 1, 2, nothing, nothing, nothing],
  [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nothing, 3],
  [nothing, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nothing],
  [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nothing],
];
const units = Array.from({ length: 12 }, (_, unit) => observers.map((ratings) => ratings[unit]));

describe("Krippendorff's alpha", () => {
  it.each([
    ['nominal', 0.743],
    ['ordinal', 0.815],
    ['interval', 0.849],
  ] as const)('%s: the published value', (level, alpha) => {
    expect(krippendorffAlpha(units, level)).toBeCloseTo(alpha, 3);
  });

  it('nominal, two observers, by hand', () => {
    // Pairs (a,a) (a,b) (b,b) (b,b): o_ab = o_ba = 1, n_a = 3, n_b = 5, n = 8.
    // alpha = 1 - 7 * 2 / (2 * 3 * 5) = 1 - 14 / 30.
    const pairs: readonly Ratings[] = [
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 1],
    ];
    expect(krippendorffAlpha(pairs, 'nominal')).toBeCloseTo(1 - 14 / 30, 12);
    // With two values all levels are the same.
    expect(krippendorffAlpha(pairs, 'interval')).toBeCloseTo(1 - 14 / 30, 12);
    expect(krippendorffAlpha(pairs, 'ordinal')).toBeCloseTo(1 - 14 / 30, 12);
  });

  it('is 1 for agreement, below 0 for systematic disagreement, undefined where nothing differs', () => {
    expect(
      krippendorffAlpha(
        [
          [1, 1],
          [9, 9],
          [4, 4],
        ],
        'interval',
      ),
    ).toBe(1);
    expect(
      krippendorffAlpha(
        [
          [0, 10],
          [10, 0],
        ],
        'interval',
      ),
    ).toBeLessThan(0);
    expect(
      krippendorffAlpha(
        [
          [5, 5],
          [5, 5],
        ],
        'interval',
      ),
    ).toBeUndefined();
    expect(
      krippendorffAlpha(
        [
          [5, nothing],
          [nothing, 3],
        ],
        'interval',
      ),
    ).toBeUndefined();
    expect(krippendorffAlpha([], 'nominal')).toBeUndefined();
  });

  it('passes over units that one observer saw', () => {
    expect(krippendorffAlpha([...units, [7, nothing, nothing, nothing]], 'interval')).toBeCloseTo(0.849, 3);
  });
});

it('counts pairs of scores, rounded', () => {
  const counts = confusion([
    [10, 9],
    [10, 9.4],
    [0, 0],
    [undefined, 3],
  ]);
  expect(counts[10]?.[9]).toBe(2);
  expect(counts[0]?.[0]).toBe(1);
  expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(3);
});
