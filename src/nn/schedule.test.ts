// The curves are compared with PyTorch's in test/parity; here are their properties.
import { describe, expect, it } from 'vitest';
import { learningRateFactor, type ScheduleName } from './schedule.ts';

const curve = (name: ScheduleName, steps: number, warmupSteps: number): number[] =>
  Array.from({ length: steps }, (_, step) => learningRateFactor({ name, steps, warmupSteps }, step));

describe('learningRateFactor', () => {
  it.each(['constant', 'linear', 'cosine'] as const)('%s warms up linearly from 0 to 1', (name) => {
    expect(curve(name, 10, 4).slice(0, 5)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });

  it('falls along its name', () => {
    expect(curve('constant', 4, 0)).toEqual([1, 1, 1, 1]);
    expect(curve('linear', 4, 0)).toEqual([1, 0.75, 0.5, 0.25]);
    const cosine = curve('cosine', 4, 0);
    [1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0.5 - Math.SQRT1_2 / 2].forEach((value, step) => {
      expect(cosine[step]).toBeCloseTo(value, 12);
    });
  });

  it.each(['linear', 'cosine'] as const)('%s stays at 0 past its end', (name) => {
    const schedule = { name, steps: 10, warmupSteps: 2 };
    for (const step of [10, 11, 1000]) expect(learningRateFactor(schedule, step)).toBeCloseTo(0, 12);
  });

  it.each(['constant', 'linear', 'cosine'] as const)(
    '%s is finite when the warm-up is all there is',
    (name) => {
      for (const value of curve(name, 3, 3)) expect(value).toBeLessThan(1);
      expect(learningRateFactor({ name, steps: 3, warmupSteps: 3 }, 3)).not.toBeNaN();
      expect(learningRateFactor({ name, steps: 1, warmupSteps: 0 }, 0)).toBe(1);
    },
  );
});
