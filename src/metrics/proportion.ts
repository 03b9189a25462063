// The exact interval of a share of few successes or failures, where resampling has nothing to resample: of 0 right among 60
// every draw is 0, and its interval would be [0, 0]. Not for anything in between; that is the bootstrap's.
import type { Interval } from './bootstrap.ts';

/** Within how many successes of either end the bootstrap's interval is visibly too narrow (below 94 % at n = 60 and 100). */
export const nearTheEnd = 3;

/**
 * Clopper and Pearson's interval (Biometrika 26, 1934, 404-413) of `successes` among `count` independent trials, percent.
 * A number of successes that is not whole, as the sum of soft scores, is rounded away from the middle of the interval.
 * @param alpha the chance that the interval misses the true share, at most.
 */
export function clopperPearson(successes: number, count: number, alpha = 0.05): Interval {
  const [few, many] = [Math.floor(successes + tolerance), Math.ceil(successes - tolerance)];
  return {
    // P(X ≥ few | p) grows with p, and P(X ≤ many | p) falls.
    low: few === 0 ? 0 : 100 * crossing((p) => 1 - binomialCoverage(few - 1, count, p) > alpha / 2),
    high: many === count ? 100 : 100 * crossing((p) => binomialCoverage(many, count, p) < alpha / 2),
  };
}

/** P(X ≤ successes) of a binomial distribution. */
export function binomialCoverage(successes: number, count: number, probability: number): number {
  if (successes < 0) return 0;
  if (successes >= count) return 1;
  if (probability <= 0) return 1;
  if (probability >= 1) return 0;
  // Fewer terms from the nearer end; every term by its logarithm, which does not run out of range.
  const fromAbove = successes > count / 2;
  const terms = fromAbove ? count - successes : successes + 1;
  const start = fromAbove ? successes + 1 : 0;
  let logTerm =
    logChoose(count, start) + start * Math.log(probability) + (count - start) * Math.log1p(-probability);
  let sum = 0;
  for (let i = start; i < start + terms; i++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log((count - i) / (i + 1)) + Math.log(probability) - Math.log1p(-probability);
  }
  return fromAbove ? 1 - sum : sum;
}

function logChoose(count: number, chosen: number): number {
  let sum = 0;
  for (let i = 1; i <= chosen; i++) sum += Math.log((count - chosen + i) / i);
  return sum;
}

/** Where a condition that fails at 0 and holds at 1 begins to hold, by bisection. */
function crossing(holds: (p: number) => boolean): number {
  let [low, high] = [0, 1];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (holds(middle)) high = middle;
    else low = middle;
  }
}

const tolerance = 1e-9;
