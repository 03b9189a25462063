// Quantiles: the usual printed tables of Student's t.
import { describe, expect, it } from 'vitest';
import {
  confidenceInterval,
  mean,
  sampleStandardDeviation,
  studentCoverage,
  studentQuantile,
} from './statistics.ts';

describe("Student's t", () => {
  it.each([
    [0.95, 1, 12.7062],
    [0.95, 2, 4.3027],
    [0.95, 3, 3.1824],
    [0.95, 4, 2.7764],
    [0.95, 9, 2.2622],
    [0.95, 30, 2.0423],
    [0.9, 5, 2.015],
    [0.99, 2, 9.9248],
    [0.999, 7, 5.4079],
    [0.5, 1, 1],
  ])('level %f, %i degrees of freedom: %f', (level, degrees, quantile) => {
    expect(studentQuantile(level, degrees)).toBeCloseTo(quantile, 4);
    expect(studentCoverage(studentQuantile(level, degrees), degrees)).toBeCloseTo(level, 12);
  });

  it('refuses what has no meaning', () => {
    expect(() => studentQuantile(1, 2)).toThrow('internal');
    expect(() => studentQuantile(0.95, 0)).toThrow('internal');
  });
});

describe('figures over seeds', () => {
  it('mean and sample standard deviation', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(sampleStandardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
    expect(sampleStandardDeviation([3])).toBeUndefined();
    expect(() => mean([])).toThrow('internal');
  });

  it('confidence interval of three seeds', () => {
    const interval = confidenceInterval([30, 33, 36]);
    expect(interval?.mean).toBe(33);
    expect(interval?.margin).toBeCloseTo((4.302652729911275 * 3) / Math.sqrt(3), 8);
    expect(interval?.high).toBeCloseTo(33 + (interval?.margin ?? 0), 12);
    expect(interval?.low).toBeCloseTo(33 - (interval?.margin ?? 0), 12);
    expect(confidenceInterval([30])).toBeUndefined();
    expect(confidenceInterval([5, 5, 5])?.margin).toBe(0);
  });
});
