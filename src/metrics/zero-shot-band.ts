// The band in which the zero-shot score of a run must fall for the run to count as the paper's model on the paper's data.
//
//     published ± (3 + 3.29 · standard error of the sample, in points)
//
// 3 points is what an independent reproduction was off (ScienceQA 52.79 where the paper has 49.91, zackschen/CoIN issue
// 26), rounded up; 3.29 standard errors leave one sound score in a thousand outside by chance of the sample.
export interface ZeroShotBand {
  readonly published: number;
  readonly low: number;
  readonly high: number;
}

const systematicPoints = 3;
const standardErrors = 3.29;

/** @param published percent; `samples` that the score is a mean over. Both ends are within 0 to 100. */
export function zeroShotBand(published: number, samples: number): ZeroShotBand {
  if (samples < 1) throw new Error('internal: a band of no samples');
  // A published 0 % or 100 % still has the spread of one sample.
  const share = Math.min(1 - 1 / (samples + 1), Math.max(1 / (samples + 1), published / 100));
  const standardError = 100 * Math.sqrt((share * (1 - share)) / samples);
  const margin = systematicPoints + standardErrors * standardError;
  return { published, low: Math.max(0, published - margin), high: Math.min(100, published + margin) };
}
