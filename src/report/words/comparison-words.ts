// Estimates and differences in words: a figure with its interval, whether two methods can be told apart, and the answer to
// "is the second better than the first?".
import type { Interval } from '../../metrics/bootstrap.ts';
import type { Difference, Estimate } from '../../metrics/comparison.ts';
import { absent, formatChange, formatChangeInterval, formatInterval, formatScore } from './numbers.ts';

const mirrored = ({ low, high }: Interval): Interval => ({ low: -high, high: -low });

/** `47.20 [41.00, 53.10] ±12.30`: the interval over the test images, and after ± that over the seeds. */
export function withInterval(estimate: Estimate | undefined): string {
  if (estimate === undefined) return absent;
  const { value, low, high, overSeeds } = estimate;
  const seeds = overSeeds === undefined ? '' : ` ±${formatScore(overSeeds.margin)}`;
  return `${formatScore(value)} ${formatInterval({ low, high })}${seeds}`;
}

/** `+3.10 [+1.00, +5.20]` */
export function differenceWithInterval({
  value,
  low,
  high,
}: Pick<Difference, 'value' | 'low' | 'high'>): string {
  return `${formatChange(value)} ${formatChangeInterval({ low, high })}`;
}

/** "ACC: LoRA is higher by 3.10 [1.00, 5.20]", or that the two are not distinguishable. */
export function inWords(difference: Difference, first: string, second: string): string {
  const { name, value, low, tested, distinguishable, overSeeds } = difference;
  if (!tested) return `${name}: ${untested}`;
  const higher =
    low > 0
      ? `${first} is higher by ${formatScore(value)} ${formatInterval(difference)}`
      : `${second} is higher by ${formatScore(-value)} ${formatInterval(mirrored(difference))}`;
  const words = distinguishable ? higher : `not distinguishable: ${differenceWithInterval(difference)}`;
  if (overSeeds === undefined) return `${name}: ${words}`;
  const seeds = `over seeds ${formatChange(overSeeds.mean)} ±${formatScore(overSeeds.margin)}`;
  return `${name}: ${words}; ${seeds}`;
}

/**
 * "Is B better than A? Yes: …", in one figure whose more is better. The difference is the first's less the second's. One
 * seed answers for the two models that it gave, and not for the methods.
 */
export function answerInWords(difference: Difference, first: string, second: string): string {
  const { name, value, low, high, of, distinguishable } = difference;
  const question = `Is ${second} better than ${first}?`;
  if (value === 0 && low === high) {
    return `${question} It cannot be told: the two are alike in ${name} on every draw of the test images.`;
  }
  if (!distinguishable) {
    const other = { value: -value, ...mirrored(difference) };
    return `${question} It cannot be told: ${name} differs by ${differenceWithInterval(other)}, and the interval holds 0.`;
  }
  const by =
    value < 0
      ? `${formatScore(-value)} ${formatInterval(mirrored(difference))}`
      : `${formatScore(value)} ${formatInterval(difference)}`;
  const answer = value < 0 ? `yes: ${name} is higher by ${by}` : `no: ${name} is lower by ${by}`;
  return of === 'models'
    ? `${question} Of these two models, ${answer}; of the methods one seed says nothing.`
    : `${question} ${answer.charAt(0).toUpperCase()}${answer.slice(1)}, over seeds and test images.`;
}

/** In place of a difference in a BWT that is 0 by construction. */
const untested = 'not compared, as one of the two is 0 by construction';

/** In a cell: `higher: +3.10 [1.00, 5.20]`, `not distinguishable: +0.50 [−1.00, 2.00]`. */
export function differenceCell(difference: Difference | undefined): string {
  if (difference === undefined) return absent;
  const { low, tested, distinguishable, overSeeds } = difference;
  if (!tested) return 'not compared: 0 by construction';
  const word = distinguishable ? (low > 0 ? 'higher' : 'lower') : 'not distinguishable';
  const seeds = overSeeds === undefined ? '' : ` ±${formatScore(overSeeds.margin)}`;
  return `${word}: ${differenceWithInterval(difference)}${seeds}`;
}
