// How far two or more raters agree on the same units: Krippendorff's alpha and a confusion matrix.
// Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), sections C and D.

/** Scores are names (`nominal`), ranks (`ordinal`) or distances (`interval`). */
export const measurementLevels = ['nominal', 'ordinal', 'interval'] as const;
export type MeasurementLevel = (typeof measurementLevels)[number];

/** The ratings of one unit, one per rater; undefined where a rater gave none. */
export type Ratings = readonly (number | undefined)[];

/**
 * alpha = 1 - observed / expected disagreement: 1 is perfect agreement, 0 is what chance gives, below 0 is worse.
 * Units with fewer than two ratings say nothing about agreement and are passed over.
 * @returns undefined where no unit has two ratings, or all ratings are the same: then nothing was told apart.
 */
export function krippendorffAlpha(units: readonly Ratings[], level: MeasurementLevel): number | undefined {
  const coincidences = new Map<string, number>();
  const totals = new Map<number, number>();
  let count = 0;
  for (const unit of units) {
    const ratings = unit.filter((rating) => rating !== undefined);
    if (ratings.length < 2) continue;
    count += ratings.length;
    for (const rating of ratings) totals.set(rating, (totals.get(rating) ?? 0) + 1);
    ratings.forEach((first, i) => {
      ratings.forEach((second, j) => {
        if (i === j) return;
        const key = `${first} ${second}`;
        coincidences.set(key, (coincidences.get(key) ?? 0) + 1 / (ratings.length - 1));
      });
    });
  }
  const values = [...totals.keys()].sort((first, second) => first - second);
  if (values.length < 2) return undefined;
  const distance = distances[level](values, totals);
  let [observed, expected] = [0, 0];
  for (const [i, first] of values.entries()) {
    for (const [j, second] of values.entries()) {
      const difference = distance(i, j);
      observed += (coincidences.get(`${first} ${second}`) ?? 0) * difference;
      expected += (totals.get(first) ?? 0) * (totals.get(second) ?? 0) * difference;
    }
  }
  return 1 - ((count - 1) * observed) / expected;
}

/** The squared difference of two values, given by their places among all values in order. */
type Distance = (first: number, second: number) => number;

const distances: Readonly<
  Record<MeasurementLevel, (values: readonly number[], totals: ReadonlyMap<number, number>) => Distance>
> = {
  nominal: () => (i, j) => (i === j ? 0 : 1),
  interval: (values) => (i, j) => ((values[i] ?? 0) - (values[j] ?? 0)) ** 2,
  // (sum of n_g from one to the other - (n_c + n_k) / 2) squared
  ordinal: (values, totals) => (i, j) => {
    const between = values.slice(Math.min(i, j), Math.max(i, j) + 1).map((value) => totals.get(value) ?? 0);
    const ends = ((between[0] ?? 0) + (between.at(-1) ?? 0)) / 2;
    return i === j ? 0 : (between.reduce((sum, total) => sum + total, 0) - ends) ** 2;
  },
};

/** Counts of pairs of scores, each rounded to a whole number of 0 to 10: `counts[first][second]`. */
export function confusion(
  units: readonly (readonly [number | undefined, number | undefined])[],
): readonly (readonly number[])[] {
  const counts = Array.from({ length: 11 }, () => new Array<number>(11).fill(0));
  for (const [first, second] of units) {
    if (first === undefined || second === undefined) continue;
    const row = counts[Math.round(first)];
    if (row !== undefined) row[Math.round(second)] = (row[Math.round(second)] ?? 0) + 1;
  }
  return counts;
}
