import { expect, it } from 'vitest';
import { zeroShotBand } from './zero-shot-band.ts';

it('holds the published score and the one reproduction that is known (reference.md, Metrics)', () => {
  const { low, high } = zeroShotBand(49.91, 4241);
  expect(low).toBeLessThan(49.91);
  expect(high).toBeGreaterThan(52.79);
  // 3 + 3.29 · 100 · √(0.4991 · 0.5009 / 4241)
  expect(high - 49.91).toBeCloseTo(5.526, 3);
});

it('is narrow where the published score is near zero, and wide for few samples', () => {
  expect(zeroShotBand(0, 4000)).toMatchObject({ published: 0, low: 0 });
  expect(zeroShotBand(0, 4000).high).toBeLessThan(3.2);
  expect(zeroShotBand(0, 20).high).toBeGreaterThan(15);
  expect(zeroShotBand(99.9, 10).high).toBe(100);
});
