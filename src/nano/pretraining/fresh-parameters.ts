// Weights of a model that is trained from nothing: every weight a network asks for becomes a trainable parameter with
// initial values chosen by its role.
import type { WeightProvider } from '../../nn/scope.ts';
import { elementCount } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { input } from '../../tensor/ops.ts';
import { normalArray } from '../../tensor/random.ts';
import type { Parameter } from '../../training/learner.ts';

/** Residual branches end in these; they start small, so that a deep network starts near the identity. */
const RESIDUAL_OUTPUTS = /\.(out_proj|fc2|o_proj|down_proj)\.weight$/;

export class FreshParameters {
  readonly #parameters = new Map<string, Parameter>();

  /** `known`: values to start from instead, by name. */
  constructor(
    readonly seed: number,
    readonly known: Readonly<Record<string, Float32Array>> = {},
  ) {}

  get all(): readonly Parameter[] {
    return [...this.#parameters.values()];
  }

  readonly provider: WeightProvider = (name, shape) => this.#get(name, shape);

  #get(name: string, shape: readonly number[]): Tensor {
    const made = this.#parameters.get(name);
    if (made !== undefined) return made.tensor;
    const tensor = input(name, 'float32', shape);
    const values = this.known[name] ?? initialValues(name, shape, this.seed);
    if (values.length !== elementCount(shape))
      throw new Error(`pretraining: "${name}" does not have shape [${shape.join(', ')}]`);
    this.#parameters.set(name, { name, tensor, values, group: 'all' });
    return tensor;
  }
}

/** Norms start at one, biases at zero, positions and embeddings at 0.5 and 0.2, products at 1/√inputs. */
export function initialValues(name: string, shape: readonly number[], seed: number): Float32Array {
  const count = elementCount(shape);
  if (name.endsWith('.bias')) return new Float32Array(count);
  if (/norm\d?\.weight$/.test(name)) return new Float32Array(count).fill(1);
  return normalArray(count, {
    seed,
    purpose: `initial ${name}`,
    standardDeviation: deviation(name, shape, count),
  });
}

function deviation(name: string, shape: readonly number[], count: number): number {
  if (name.includes('position_embedding')) return 0.5;
  if (name.includes('embed_tokens')) return 0.2;
  if (name.includes('class_embedding')) return 0.5;
  const fanIn = count / (shape[0] as number);
  return (RESIDUAL_OUTPUTS.test(name) ? 0.25 : 1) / Math.sqrt(fanIn);
}
