// Simulations: how often equal methods are called different, and how often intervals hold the true difference.
import { describe, expect, it } from 'vitest';
import { normalArray } from '../tensor/random.ts';
import { drawClusters } from './bootstrap.ts';
import { confidenceInterval, mean } from './statistics.ts';
import { twoWayInterval, twoWayMean, twoWayPValue } from './two-way.ts';

const images = 60;
const resamples = 200;
const draws = Array.from({ length: resamples }, (_, replicate) =>
  drawClusters(images, { seed: 1, stratum: 'simulation', replicate }),
);

/** A difference of two methods that is 0 over all seeds and images: per seed, and per draw of the images. */
function simulated(number: number, seeds: number, spread: { seed: number; image: number; both: number }) {
  const normal = (count: number, purpose: string) => normalArray(count, { seed: number, purpose });
  const [ofSeeds, ofImages] = [normal(seeds, 'seeds'), normal(images, 'images')];
  const ofBoth = normal(seeds * images, 'both');
  const cells = Array.from({ length: seeds }, (_, s) =>
    Array.from(
      { length: images },
      (_, i) =>
        spread.seed * ofSeeds[s]! + spread.image * ofImages[i]! + spread.both * ofBoth[s * images + i]!,
    ),
  );
  const perImage = Array.from({ length: images }, (_, i) => mean(cells.map((row) => row[i]!)));
  const replicates = Float64Array.from(
    draws,
    (weights) => perImage.reduce((sum, value, i) => sum + weights[i]! * value, 0) / images,
  );
  return { perSeed: cells.map(mean), replicates };
}

describe('two equal methods', () => {
  const trials = 300;
  // Three standard errors above 5 % of them.
  const most = 0.05 * trials + 3 * Math.sqrt(0.05 * 0.95 * trials);
  for (const seeds of [2, 3, 5]) {
    for (const [name, spread] of [
      ['seeds vary most', { seed: 6, image: 10, both: 5 }],
      ['images vary most', { seed: 0.5, image: 45, both: 20 }],
      ['both alike', { seed: 4, image: 30, both: 10 }],
    ] as const) {
      it(`are called different at most once in twenty: ${seeds} seeds, ${name}`, () => {
        let different = 0;
        for (let number = 0; number < trials; number++) {
          const { perSeed, replicates } = simulated(number, seeds, spread);
          const found = twoWayMean(perSeed, replicates, images);
          const { low, high } = twoWayInterval(found, 0.05);
          const apart = low > 0 || high < 0;
          expect(twoWayPValue(found) <= 0.05).toBe(apart);
          if (apart) different++;
        }
        expect(different).toBeLessThanOrEqual(most);
      });
    }
  }

  it('would be called different too often by the seeds alone, or by the images alone', () => {
    const bySeeds = { seed: 0.5, image: 45, both: 20 };
    const byImages = { seed: 6, image: 10, both: 5 };
    let [seedsOnly, imagesOnly] = [0, 0];
    for (let number = 0; number < trials; number++) {
      const over = confidenceInterval(simulated(number, 5, bySeeds).perSeed);
      if (over !== undefined && (over.low > 0 || over.high < 0)) seedsOnly++;
      const sorted = simulated(number, 3, byImages).replicates.sort();
      if (sorted[4]! > 0 || sorted[195]! < 0) imagesOnly++;
    }
    expect(seedsOnly).toBeGreaterThan(most);
    expect(imagesOnly).toBeGreaterThan(most);
  });
});

it('a difference without any spread is no accident, and none is none', () => {
  const constant = (value: number) => twoWayMean([value, value], new Float64Array(5).fill(value), images);
  expect(twoWayPValue(constant(0))).toBe(1);
  expect(twoWayPValue(constant(2))).toBeLessThan(1e-12);
  expect(twoWayInterval(constant(2), 0.05)).toEqual({ low: 2, high: 2 });
});
