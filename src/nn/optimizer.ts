// AdamW with decoupled weight decay (Loshchilov & Hutter, ICLR 2019), written into the graph; the arithmetic follows
// torch.optim.AdamW, so that the same gradients give the same parameters.
import type { Tensor } from '../tensor/graph.ts';
import { add, div, input, less, mul, reshape, sqrt, square, sub, sum, where } from '../tensor/ops.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export interface AdamWState {
  readonly parameter: Tensor;
  /** First and second moment. */
  readonly m: Tensor;
  readonly v: Tensor;
}

/** Fed per step: 1 − β₁ᵗ and √(1 − β₂ᵗ), as float32 scalars. */
export interface BiasCorrection {
  readonly first: Tensor;
  readonly secondRoot: Tensor;
}

export const biasCorrection = (): BiasCorrection => ({
  first: input('bias_correction_1', 'float32', []),
  secondRoot: input('bias_correction_2_root', 'float32', []),
});

/** p ← p·(1 − η·λ) − η · (m/(1 − β₁ᵗ)) / (√v/√(1 − β₂ᵗ) + ε). */
export function adamW(
  { parameter, m, v }: AdamWState,
  gradient: Tensor,
  learningRate: Tensor,
  correction: BiasCorrection,
  { beta1, beta2, epsilon, weightDecay }: AdamWOptions,
): AdamWState {
  const nextM = add(mul(m, beta1), mul(gradient, 1 - beta1));
  const nextV = add(mul(v, beta2), mul(square(gradient), 1 - beta2));
  const decayed = weightDecay === 0 ? parameter : mul(parameter, sub(1, mul(learningRate, weightDecay)));
  const denominator = add(div(sqrt(nextV), correction.secondRoot), epsilon);
  const next = sub(decayed, div(mul(nextM, div(learningRate, correction.first)), denominator));
  return { parameter: next, m: nextM, v: nextV };
}

/** √Σ‖g‖² over all gradients, as a scalar. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  const squares = gradients.map((gradient) => {
    const total = sum(square(gradient));
    return reshape(total, []);
  });
  return sqrt(squares.reduce((a, b) => add(a, b)));
}

/** Scales gradients so that their global norm is at most `limit`: g·min(1, limit/(norm + 1e-6)), as torch's clip_grad_norm_. */
export function clipByGlobalNorm(
  gradients: readonly Tensor[],
  limit: number,
): { readonly gradients: Tensor[]; readonly norm: Tensor } {
  const norm = globalNorm(gradients);
  const ratio = div(limit, add(norm, 1e-6));
  const factor = where(less(ratio, 1), ratio, 1);
  return { gradients: gradients.map((gradient) => mul(gradient, factor)), norm };
}
