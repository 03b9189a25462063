// Learning-rate schedules: pure functions of the step, as in transformers' get_*_schedule_with_warmup.

export type ScheduleName = 'constant' | 'linear' | 'cosine';

export interface Schedule {
  readonly name: ScheduleName;
  /** Optimiser steps in all. */
  readonly steps: number;
  readonly warmupSteps: number;
}

/** The factor on the peak rate at a step counted from 0: rises linearly over the warm-up, then follows the named curve. */
export function learningRateFactor({ name, steps, warmupSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps);
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  switch (name) {
    case 'constant':
      return 1;
    case 'linear':
      return 1 - progress;
    case 'cosine':
      return 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}
