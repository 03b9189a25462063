// Estimates and differences in words: a figure with its interval, and whether two methods can be told apart.
import type { Difference, Estimate } from '../../metrics/comparison.ts';
import { absent, formatChange, formatScore } from './numbers.ts';

/** `47.20 [41.00, 53.10] ±12.30`: the interval over the test images, and after ± that over the seeds. */
export function withInterval(estimate: Estimate | undefined): string {
  if (estimate === undefined) return absent;
  const { value, low, high, overSeeds } = estimate;
  const seeds = overSeeds === undefined ? '' : ` ±${formatScore(overSeeds.margin)}`;
  return `${formatScore(value)} [${formatScore(low)}, ${formatScore(high)}]${seeds}`;
}

/** "ACC: LoRA is higher by 3.10 [1.00, 5.20]", or that the two are not distinguishable. */
export function inWords(difference: Difference, first: string, second: string): string {
  const { name, value, low, high, distinguishable, overSeeds } = difference;
  const interval = `[${formatChange(low)}, ${formatChange(high)}]`;
  const higher =
    low > 0
      ? `${first} is higher by ${formatScore(value)} [${formatScore(low)}, ${formatScore(high)}]`
      : `${second} is higher by ${formatScore(-value)} [${formatScore(-high)}, ${formatScore(-low)}]`;
  const words = distinguishable ? higher : `not distinguishable: ${formatChange(value)} ${interval}`;
  if (overSeeds === undefined) return `${name}: ${words}`;
  const seeds = `over seeds ${formatChange(overSeeds.mean)} ±${formatScore(overSeeds.margin)}`;
  return `${name}: ${words}; ${seeds}${seedsLeaveOpen(difference) ? ', so other seeds may say otherwise' : ''}`;
}

/** The images tell the two apart, but not whatever the seed. */
export function seedsLeaveOpen({ distinguishable, overSeeds }: Difference): boolean {
  return distinguishable && overSeeds !== undefined && overSeeds.low <= 0 && overSeeds.high >= 0;
}

/** In a cell: `higher: +3.10 [1.00, 5.20]`, `not distinguishable: +0.50 [−1.00, 2.00]`. */
export function differenceCell(difference: Difference | undefined): string {
  if (difference === undefined) return absent;
  const { value, low, high, distinguishable, overSeeds } = difference;
  const word = distinguishable ? (low > 0 ? 'higher' : 'lower') : 'not distinguishable';
  const seeds = overSeeds === undefined ? '' : ` ±${formatScore(overSeeds.margin)}`;
  const caution = seedsLeaveOpen(difference) ? ', other seeds may differ' : '';
  return `${word}: ${formatChange(value)} [${formatChange(low)}, ${formatChange(high)}]${seeds}${caution}`;
}
