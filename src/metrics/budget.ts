// When a method counts as matched to a budget of trainable numbers. How its size is found is `matching.ts`.

/** How far a method may be from the budget and count as matched: 5 %, of the smaller of the two. */
export const matchedWithin = 0.05;

export function isMatched(ratio: number): boolean {
  return Math.max(ratio, 1 / ratio) <= 1 + matchedWithin;
}

/** A share of the budget. */
export function formatRatio(ratio: number): string {
  return `${(100 * ratio).toFixed(1)} %`;
}
