// Intervals against cases with a known answer, Holm against an example worked by hand, and how often intervals hold the
// truth.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../tensor/random.ts';
import {
  accuracyOf,
  bootstrapPValue,
  type ClusteredScores,
  drawClusters,
  fewestResamples,
  holm,
  percentileInterval,
} from './bootstrap.ts';
import { sampleStandardDeviation } from './statistics.ts';

function clustered(clusters: readonly (readonly number[])[]): ClusteredScores {
  return {
    sums: Float64Array.from(clusters, (scores) => scores.reduce((sum, score) => sum + score, 0)),
    counts: Float64Array.from(clusters, (scores) => scores.length),
  };
}

/** Replicates of a figure of scores that share their clusters. */
function replicatesOf(
  figure: (weights: Float64Array) => number,
  clusters: number,
  { resamples = 2000, stratum = 'T', seed = 0 } = {},
): Float64Array {
  return Float64Array.from({ length: resamples }, (_, replicate) =>
    figure(drawClusters(clusters, { seed, stratum, replicate })),
  );
}

const deviation = (replicates: Float64Array) => sampleStandardDeviation([...replicates]) as number;

/** One sample per cluster, the first `right` of them right. */
const bernoulli = (samples: number, right: number) =>
  Array.from({ length: samples }, (_, index) => [index < right ? 1 : 0]);

describe('drawing clusters', () => {
  it('draws as many as there are, the same again, and others for another seed, stratum or replicate', () => {
    const options = { seed: 3, stratum: 'GQA', replicate: 5 };
    const drawn = drawClusters(101, options);
    expect(drawn.reduce((sum, weight) => sum + weight, 0)).toBe(101);
    expect(drawClusters(101, options)).toEqual(drawn);
    for (const other of [{ seed: 4 }, { stratum: 'VQAv2' }, { replicate: 6 }]) {
      expect(drawClusters(101, { ...options, ...other })).not.toEqual(drawn);
    }
  });

  it('draws each with the same chance', () => {
    const total = new Float64Array(10);
    for (let replicate = 0; replicate < 5000; replicate++) {
      for (const [cluster, weight] of drawClusters(10, { seed: 1, stratum: 'T', replicate }).entries()) {
        total[cluster] = (total[cluster] as number) + weight;
      }
    }
    // Mean 5000, standard deviation about 67.
    for (const weight of total) expect(Math.abs(weight - 5000)).toBeLessThan(300);
  });
});

describe('the interval', () => {
  it('of a Bernoulli mean is that of the normal approximation', () => {
    const scores = clustered(bernoulli(400, 280));
    const replicates = replicatesOf((weights) => accuracyOf(scores, weights), 400, { resamples: 4000 });
    const standardError = 100 * Math.sqrt((0.7 * 0.3) / 400);
    expect(deviation(replicates)).toBeCloseTo(standardError, 0);
    const { low, high } = percentileInterval(replicates.sort());
    expect(Math.abs(low - (70 - 1.96 * standardError))).toBeLessThan(0.35);
    expect(Math.abs(high - (70 + 1.96 * standardError))).toBeLessThan(0.35);
  });

  it('of a difference is narrower for pairs that agree than for other images each', () => {
    // 280 and 260 of 400 right, and the second right on nothing that the first is not.
    const [a, b] = [clustered(bernoulli(400, 280)), clustered(bernoulli(400, 260))];
    const paired = replicatesOf((weights) => accuracyOf(a, weights) - accuracyOf(b, weights), 400);
    const other = replicatesOf((weights) => accuracyOf(b, weights), 400, { stratum: 'other' });
    const unpaired = replicatesOf((weights) => accuracyOf(a, weights), 400).map(
      (value, index) => value - (other[index] as number),
    );
    // A difference is 1 with chance 0.05, else 0; apart, the variances add up.
    const pairedError = 100 * Math.sqrt((0.05 * 0.95) / 400);
    const unpairedError = 100 * Math.sqrt((0.7 * 0.3 + 0.65 * 0.35) / 400);
    expect(deviation(paired) / pairedError).toBeCloseTo(1, 1);
    expect(deviation(unpaired) / unpairedError).toBeCloseTo(1, 1);
    expect(percentileInterval(paired.sort()).low).toBeGreaterThan(0);
    expect(percentileInterval(unpaired.sort()).low).toBeLessThan(0);
  });

  it('is wider by the root of the cluster size when the answers about an image agree', () => {
    const apart = clustered(bernoulli(400, 240));
    const together = clustered(Array.from({ length: 100 }, (_, image) => Array(4).fill(image < 60 ? 1 : 0)));
    const errorOf = (scores: ClusteredScores) =>
      deviation(replicatesOf((weights) => accuracyOf(scores, weights), scores.sums.length));
    expect(accuracyOf(apart)).toBe(accuracyOf(together));
    expect(errorOf(together) / errorOf(apart)).toBeCloseTo(2, 1);
  });

  it('holds the truth about 95 times of 100', () => {
    // Images with one to three questions, answered alike or not: every data set is drawn from one truth, 60 %.
    const trials = 300;
    const images = 80;
    let held = 0;
    for (let trial = 0; trial < trials; trial++) {
      const random = new RandomStream(11, 'coverage', trial);
      const scores = clustered(
        Array.from({ length: images }, () => {
          const easy = random.uniform() < 0.5;
          return Array.from({ length: 1 + random.integer(3) }, () =>
            random.uniform() < (easy ? 0.9 : 0.3) ? 1 : 0,
          );
        }),
      );
      const replicates = replicatesOf((weights) => accuracyOf(scores, weights), images, {
        resamples: 399,
        seed: trial,
      });
      const { low, high } = percentileInterval(replicates.sort());
      if (low <= 60 && 60 <= high) held++;
    }
    // The standard error of the share is 0.013.
    expect(held / trials).toBeGreaterThan(0.91);
    expect(held / trials).toBeLessThan(0.985);
  });

  it('takes the k-th from each end, and has both ends with the fewest resamples', () => {
    const sorted = Float64Array.from({ length: 999 }, (_, index) => index + 1);
    expect(percentileInterval(sorted, 0.05)).toEqual({ low: 25, high: 975 });
    expect(percentileInterval(sorted, 0.1)).toEqual({ low: 50, high: 950 });
    expect(fewestResamples(0.05)).toBe(39);
    expect(percentileInterval(sorted.subarray(0, 39), 0.05)).toEqual({ low: 1, high: 39 });
    expect(() => percentileInterval(sorted.subarray(0, 38), 0.05)).toThrow('too few');
  });

  it('holds 0 exactly when the p-value is above alpha', () => {
    const values = fc.array(fc.integer({ min: -3, max: 40 }), { minLength: 40, maxLength: 400 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.05, max: 0.5, noNaN: true }), (array, alpha) => {
        const replicates = Float64Array.from(array).sort();
        const { low, high } = percentileInterval(replicates, alpha);
        expect(low > 0 || high < 0).toBe(bootstrapPValue(replicates) <= alpha);
      }),
    );
  });

  it('of scores that are not there is 0', () => {
    expect(accuracyOf(clustered([[]]))).toBe(0);
    expect(accuracyOf(clustered([[1], [0, 0.5]]), Float64Array.of(2, 1))).toBe(62.5);
  });
});

describe("Holm's correction", () => {
  it('of an example worked by hand', () => {
    // Sorted 0.005, 0.011, 0.02, 0.04 against 0.0125, 0.01667, 0.025, 0.05: all are rejected.
    expect(holm([0.02, 0.005, 0.04, 0.011]).map(({ rejected }) => rejected)).toEqual(Array(4).fill(true));
    // Sorted 0.01, 0.03, 0.04 against 0.01667, 0.025, 0.05: it stops at the second, though 0.04 is below 0.05.
    const decisions = holm([0.04, 0.01, 0.03]);
    expect(decisions.map(({ rejected }) => rejected)).toEqual([false, true, false]);
    expect(decisions.map(({ adjusted }) => Number(adjusted.toFixed(10)))).toEqual([0.06, 0.03, 0.06]);
    expect(decisions.map(({ alpha }) => alpha)).toEqual([0.025, 0.05 / 3, 0.025]);
  });

  it('is no correction of one, and rejects what Bonferroni does and nothing that is above alpha', () => {
    expect(holm([0.05])).toEqual([{ rejected: true, adjusted: 0.05, alpha: 0.05 }]);
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.0001, max: 1, noNaN: true }), { minLength: 1 }), (pValues) => {
        for (const [index, { rejected, adjusted, alpha }] of holm(pValues).entries()) {
          const p = pValues[index] as number;
          if (p < 0.05 / pValues.length) expect(rejected).toBe(true);
          if (p > 0.0500001) expect(rejected).toBe(false);
          if (Math.abs(adjusted - 0.05) > 1e-6) expect(rejected).toBe(adjusted < 0.05);
          // The interval at this error rate tells the same.
          if (Math.abs(p - alpha) > 1e-6) expect(rejected).toBe(p < alpha);
        }
      }),
    );
  });
});
