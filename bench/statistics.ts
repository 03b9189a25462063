// Medians and spreads of rounds, and ratios taken round by round: two lines that ran in the same round had the same load.
import type { Round } from './protocol.ts';

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What a line did, by round. */
export type Rounds = readonly Round[];

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below, above] = [sorted[middle - (sorted.length % 2 === 0 ? 1 : 0)], sorted[middle]];
  if (below === undefined || above === undefined) throw new RangeError('no values');
  return { median: (below + above) / 2, low: sorted[0] as number, high: sorted.at(-1) as number };
}

/** A quantity per second in each round. */
export function rates(rounds: Rounds, quantity: 'samples' | 'tokens' | 'flops'): number[] {
  return rounds.map((round) => (round[quantity] ?? 0) / round.seconds);
}

/** Round by round: samples/s when every sample's image is encoded too, `encoding` being rounds of images. */
export function ratesWithImages(rounds: Rounds, encoding: Rounds): number[] {
  return rounds.map(({ seconds, samples }, i) => {
    const perImage = (encoding[i]?.seconds ?? Number.NaN) / (encoding[i]?.samples ?? 1);
    return samples / (seconds + samples * perImage);
  });
}

export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, i) => value / (theirs[i] as number));
}

/** Round by round, the larger. */
export function larger(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => Math.max(value, b[i] as number));
}
