// Bootstrap intervals of scores whose samples come in clusters (the questions about one image), and Holm's correction.
// Pure: what the clusters are, and which figures are made of the resampled scores, is the caller's business.
import { randomWords } from '../tensor/random.ts';

/** The scores of one evaluation, added up per cluster. */
export interface ClusteredScores {
  /** Sum of the scores, 0 to 1 each. */
  readonly sums: Float64Array; // [clusters]
  /** How many scores were added. */
  readonly counts: Float64Array; // [clusters]
}

export interface DrawOptions {
  readonly seed: number;
  /** What is resampled by itself: a task. */
  readonly stratum: string;
  readonly replicate: number;
}

/**
 * How often each of `clusters` clusters is drawn when as many are drawn with replacement: a pure function of its
 * arguments. Everything that is scored with one draw is paired. A 32-bit number is scaled to a cluster, so that the
 * chances of two clusters differ by less than `clusters` / 2^32.
 */
export function drawClusters(clusters: number, { seed, stratum, replicate }: DrawOptions): Float64Array {
  const weights = new Float64Array(clusters);
  for (const word of randomWords(clusters, { seed, purpose: `bootstrap of ${stratum}`, step: replicate })) {
    const cluster = Math.floor((word / 0x1_0000_0000) * clusters);
    weights[cluster] = (weights[cluster] as number) + 1;
  }
  return weights;
}

/** Percent right among the drawn clusters; 0 when none of them holds a score. Without `weights`, each once. */
export function accuracyOf({ sums, counts }: ClusteredScores, weights?: Float64Array): number {
  return percentOf(drawnSum(sums, weights), drawnSum(counts, weights));
}

/** Σ weight · value over the clusters. Four sums side by side, which a processor adds at the same time. */
export function drawnSum(values: Float64Array, weights?: Float64Array): number {
  if (weights === undefined) return values.reduce((sum, value) => sum + value, 0);
  const product = (i: number) => (weights[i] as number) * (values[i] as number);
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < values.length; i += 4) {
    first += product(i);
    second += product(i + 1);
    third += product(i + 2);
    fourth += product(i + 3);
  }
  for (; i < values.length; i++) first += product(i);
  return first + second + third + fourth;
}

export function percentOf(sum: number, count: number): number {
  return count === 0 ? 0 : (100 * sum) / count;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The fewest resamples whose percentile interval at the error rate `alpha` has both ends. */
export function fewestResamples(alpha: number): number {
  let resamples = Math.max(1, Math.floor(2 / alpha) - 2);
  while (tailRank(resamples, alpha) < 1) resamples++;
  return resamples;
}

/**
 * The percentile interval (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13): of R sorted
 * replicates the k-th from below and from above, k = floor((R + 1) · alpha / 2).
 * @param sorted ascending.
 * @throws when there are too few replicates for `alpha`.
 */
export function percentileInterval(sorted: Float64Array, alpha = 0.05): Interval {
  const rank = tailRank(sorted.length, alpha);
  if (rank < 1) throw new Error(`internal: ${sorted.length} replicates are too few for alpha ${alpha}`);
  return { low: sorted[rank - 1] as number, high: sorted[sorted.length - rank] as number };
}

/**
 * Two-sided p-value of "the figure is 0", the inverse of the percentile interval: p ≤ alpha exactly when the interval at
 * alpha does not hold 0. It is never below 2 / (R + 1).
 */
export function bootstrapPValue(replicates: Float64Array): number {
  let notAbove = 0;
  let notBelow = 0;
  for (const value of replicates) {
    if (value <= 0) notAbove++;
    if (value >= 0) notBelow++;
  }
  return Math.min(1, (2 * (Math.min(notAbove, notBelow) + 1)) / (replicates.length + 1));
}

export interface HolmDecision {
  readonly rejected: boolean;
  /** The smallest error rate of the family at which it would be rejected. */
  readonly adjusted: number;
  /** The error rate that this one was held against: alpha / (m − k) for the k-th smallest p, counted from 0. */
  readonly alpha: number;
}

/**
 * Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979, 65-70): the chance of one false rejection
 * or more among all is at most `alpha`, whatever their dependence. After the first that is not rejected none is, and
 * all that follow are held against its error rate. In the order of `pValues`.
 */
export function holm(pValues: readonly number[], alpha = 0.05): readonly HolmDecision[] {
  const order = pValues.map((_, index) => index).sort((a, b) => (pValues[a] ?? 0) - (pValues[b] ?? 0));
  const decisions = new Map<number, HolmDecision>();
  let adjusted = 0;
  let stoppedAt: number | undefined;
  for (const [position, index] of order.entries()) {
    const p = pValues[index] as number;
    const left = pValues.length - position;
    adjusted = Math.max(adjusted, Math.min(1, p * left));
    if (stoppedAt === undefined && !isAtMost(p, alpha / left)) stoppedAt = alpha / left;
    decisions.set(index, {
      rejected: stoppedAt === undefined,
      adjusted,
      alpha: stoppedAt ?? alpha / left,
    });
  }
  return pValues.map((_, index) => decisions.get(index) as HolmDecision);
}

function tailRank(resamples: number, alpha: number): number {
  return Math.floor(((resamples + 1) * alpha) / 2 + tolerance);
}

/** As in `tailRank`, so that interval and p-value agree where rounding decides. */
function isAtMost(p: number, alpha: number): boolean {
  return p <= alpha * (1 + tolerance);
}

const tolerance = 1e-9;
