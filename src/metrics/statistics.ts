// Figures over several seeds: mean, sample standard deviation, Student's t confidence interval.
// Exact for the small samples that seeds are; no tables, no approximation of the normal.

export interface ConfidenceInterval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Half the width: the figure after the ±. */
  readonly margin: number;
}

/** The arithmetic mean. @throws on an empty list: there is nothing to average. */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new Error('internal: the mean of no values');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** s = √( Σ (x − mean)² / (n − 1) ); undefined for fewer than two values, which say nothing about spread. */
export function sampleStandardDeviation(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * mean ± t · s / √n, with t the two-sided quantile of Student's distribution at n − 1 degrees of freedom.
 * Undefined for fewer than two values.
 * @param level the probability of covering the true mean, between 0 and 1.
 */
export function confidenceInterval(values: readonly number[], level = 0.95): ConfidenceInterval | undefined {
  const deviation = sampleStandardDeviation(values);
  if (deviation === undefined) return undefined;
  const centre = mean(values);
  const margin = (studentQuantile(level, values.length - 1) * deviation) / Math.sqrt(values.length);
  return { mean: centre, low: centre - margin, high: centre + margin, margin };
}

/** The t with P(|T| ≤ t) = level for `degrees` degrees of freedom, by bisection. */
export function studentQuantile(level: number, degrees: number): number {
  if (!(level > 0 && level < 1))
    throw new Error(`internal: expected a level between 0 and 1, found ${level}`);
  let low = 0;
  let high = 1;
  while (studentCoverage(high, degrees) < level) high *= 2;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (studentCoverage(middle, degrees) < level) low = middle;
    else high = middle;
  }
}

/**
 * P(|T| ≤ t) for a whole number of degrees of freedom ν, as the finite sum in θ = atan(t / √ν)
 * (Abramowitz and Stegun 26.7.3 and 26.7.4).
 */
export function studentCoverage(t: number, degrees: number): number {
  if (!Number.isInteger(degrees) || degrees < 1) {
    throw new Error(`internal: expected whole degrees of freedom, found ${degrees}`);
  }
  const angle = Math.atan(t / Math.sqrt(degrees));
  const sine = Math.sin(angle);
  const squaredCosine = Math.cos(angle) ** 2;
  const odd = degrees % 2 === 1;
  // Odd ν: cos θ + (2/3) cos³θ + …; even ν: 1 + (1/2) cos²θ + (1·3)/(2·4) cos⁴θ + …; up to the power ν − 2.
  let term = odd ? Math.cos(angle) : 1;
  let sum = 0;
  for (let power = odd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term;
    term *= (squaredCosine * (power + 1)) / (power + 2);
  }
  return odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}
