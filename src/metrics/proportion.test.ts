import { describe, expect, it } from 'vitest';
import { binomialCoverage, clopperPearson } from './proportion.ts';

describe('the exact interval of a share', () => {
  it('is the one of the tables', () => {
    // 0 of n: [0, 1 − (α/2)^(1/n)]; 2 of 10 as scipy 1.17 has it (binomtest, exact).
    const { low, high } = clopperPearson(0, 60);
    expect(low).toBe(0);
    expect(high).toBeCloseTo(100 * (1 - 0.025 ** (1 / 60)), 9);
    expect(clopperPearson(60, 60).low).toBeCloseTo(100 * 0.025 ** (1 / 60), 9);
    expect(clopperPearson(60, 60).high).toBe(100);
    expect(clopperPearson(2, 10).low).toBeCloseTo(2.521073, 5);
    expect(clopperPearson(2, 10).high).toBeCloseTo(55.60955, 4);
  });

  it('is that of the whole numbers around a share of soft scores', () => {
    expect(clopperPearson(0.3, 60)).toEqual({ low: 0, high: clopperPearson(1, 60).high });
    expect(clopperPearson(1.5, 60)).toEqual({
      low: clopperPearson(1, 60).low,
      high: clopperPearson(2, 60).high,
    });
  });

  it('holds the true share as often as it says, summed over all outcomes', () => {
    for (const count of [20, 60, 100]) {
      for (const p of [0.001, 0.01, 0.02, 0.05, 0.5, 0.97, 0.999]) {
        let covered = 0;
        for (let successes = 0; successes <= count; successes++) {
          const { low, high } = clopperPearson(successes, count);
          const chance = binomialCoverage(successes, count, p) - binomialCoverage(successes - 1, count, p);
          if (low <= 100 * p && 100 * p <= high) covered += chance;
        }
        expect(covered).toBeGreaterThanOrEqual(0.95 - 1e-9);
      }
    }
  });
});

it("the binomial distribution's tails add up", () => {
  for (const [successes, count, p] of [
    [3, 10, 0.2],
    [700, 1000, 0.71],
    [0, 5, 0.5],
  ] as const) {
    const mirrored = 1 - binomialCoverage(count - successes - 1, count, 1 - p);
    expect(binomialCoverage(successes, count, p)).toBeCloseTo(mirrored, 12);
  }
  expect(binomialCoverage(3, 10, 0.2)).toBeCloseTo(0.8791261184, 10);
});
