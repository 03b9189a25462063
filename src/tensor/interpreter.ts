// The plain twin of a program: evaluates a graph on the host in float64, a primitive at a time, without the runtime.
// Slow on purpose of being simple; for tests and for looking at small graphs.
import type { DType } from './dtype.ts';
import { evaluateRules, type Numbers, numbers, type Surroundings } from './evaluate-rules.ts';
import { isMadeBy, type Tensor, topologicalOrder } from './graph.ts';
import type { ByteRange, Primitive, WeightSource } from './primitives.ts';
import { type Dim, factorize, formatShape, isNumeral, sumTerms } from './shape.ts';

export type { Numbers } from './evaluate-rules.ts';

/** A value to feed; a HostTensor is one, and so are float64 numbers. */
export interface Feed {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export interface EvaluateOptions {
  /** The values of a frozen weight; a graph with weights needs it. */
  readonly readWeight?: (source: WeightSource) => ArrayLike<number>;
  /** The bytes of a range; a graph with quantised matrices needs it. */
  readonly readBytes?: (range: ByteRange) => Uint8Array;
}

/**
 * The values of the outputs. Named dimensions take their sizes from the feeds.
 * Throws TypeError for a feed that is missing or does not fit, RangeError for an index outside its axis, and Error where
 * a result has another shape than the graph promises.
 */
export function evaluate<Name extends string>(
  outputs: Readonly<Record<Name, Tensor>>,
  feeds: Readonly<Record<string, Feed>>,
  options: EvaluateOptions = {},
): Record<Name, Numbers> {
  const order = topologicalOrder(Object.values(outputs));
  const surroundings = bind(order, feeds, options);
  const values = new Map<Tensor, Numbers>();
  for (const tensor of order) values.set(tensor, evaluateOne(tensor, values, surroundings));
  return Object.fromEntries(
    Object.entries<Tensor>(outputs).map(([name, tensor]) => [name, values.get(tensor)]),
  ) as Record<Name, Numbers>;
}

function evaluateOne(
  tensor: Tensor,
  values: ReadonlyMap<Tensor, Numbers>,
  surroundings: Surroundings,
): Numbers {
  const rule = evaluateRules[tensor.primitive] as (
    inputs: readonly Numbers[],
    attributes: unknown,
    surroundings: Surroundings,
    tensor: Tensor,
  ) => Numbers;
  const inputs = tensor.inputs.map((input) => values.get(input) as Numbers);
  const value = rule(inputs, tensor.attributes, surroundings, tensor);
  const promised = surroundings.sizes(tensor.shape);
  if (value.shape.length !== promised.length || value.shape.some((size, axis) => size !== promised[axis])) {
    throw new Error(
      `interpreter: ${tensor.primitive as Primitive} gave [${value.shape.join(', ')}], the graph promises ${formatShape(tensor.shape)} = [${promised.join(', ')}]`,
    );
  }
  return value;
}

function bind(
  order: readonly Tensor[],
  feeds: Readonly<Record<string, Feed>>,
  options: EvaluateOptions,
): Surroundings {
  const bound = new Map<string, number>();
  const fed = new Map<string, Numbers>();
  for (const tensor of order) {
    if (!isMadeBy(tensor, 'input')) continue;
    const { name } = tensor.attributes as { name: string };
    const feed = feeds[name];
    const expected = `input "${name}" must be ${tensor.dtype}${formatShape(tensor.shape)}`;
    if (feed === undefined) throw new TypeError(`interpreter: ${expected}, it is not fed`);
    const fits =
      feed.dtype === tensor.dtype &&
      feed.shape.length === tensor.rank &&
      tensor.shape.every((dim, axis) => {
        const size = feed.shape[axis] as number;
        const known = typeof dim === 'number' ? dim : (bound.get(dim) ?? size);
        if (typeof dim === 'string') bound.set(dim, known);
        return known === size;
      });
    if (!fits) throw new TypeError(`interpreter: ${expected}, got ${feed.dtype}[${feed.shape.join(', ')}]`);
    fed.set(name, numbers(feed.shape, feed.data));
  }
  const size = (dim: Dim): number => resolveDim(dim, bound);
  return {
    size,
    sizes: (shape) => shape.map(size),
    feed: (name) => fed.get(name) as Numbers,
    readWeight:
      options.readWeight ??
      (() => {
        throw new TypeError('interpreter: the graph has weights, so it needs readWeight');
      }),
    readBytes:
      options.readBytes ??
      (() => {
        throw new TypeError('interpreter: the graph has quantised matrices, so it needs readBytes');
      }),
  };
}

/** The size of a dimension, given the sizes of names (and of whole expressions that were fed as such). */
export function resolveDim(dim: Dim, bound: ReadonlyMap<string, number>): number {
  if (typeof dim === 'number') return dim;
  if (isNumeral(dim)) return Number(dim);
  const known = bound.get(dim);
  if (known !== undefined) return known;
  const terms = sumTerms(dim);
  if (terms !== undefined) return terms.reduce((total, term) => total + resolveDim(term, bound), 0);
  const { coefficient, names } = factorize(dim);
  if (names.length === 1 && coefficient === 1) {
    throw new TypeError(`interpreter: no fed input has a dimension "${dim}"`);
  }
  return names.reduce((product, name) => product * resolveDim(name, bound), coefficient);
}
