// Reverse-mode differentiation on the graph: `grad` adds the backward pass as more tensors of the same primitives.
// The rules read like a table; dy is the gradient of the scalar result with respect to the primitive's result y.
import { float32 } from './dtype.ts';
import { type Tensor, topologicalOrder } from './graph.ts';
import { layerOrder } from './layer-order.ts';
import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  cos,
  div,
  equal,
  exp,
  flatten,
  gather,
  matmul,
  mul,
  neg,
  reshape,
  scatterAdd,
  sin,
  slice,
  square,
  sub,
  sum,
  transpose,
  where,
  zeros,
} from './ops.ts';
import type { FusedPrimitive, Primitive, Primitives } from './primitives.ts';
import { addDims, type Dim, formatShape, type Shape, sameShape, subtractDims } from './shape.ts';

type Gradient = Tensor | undefined;
type GradientRule<P extends Primitive> = (
  dy: Tensor,
  y: Tensor,
  inputs: readonly [Tensor, Tensor, Tensor],
  attributes: Primitives[P],
) => readonly Gradient[];

const none = (): readonly Gradient[] => [];

const gradientRules: { readonly [P in Exclude<Primitive, FusedPrimitive>]: GradientRule<P> } = {
  input: none,
  weight: none,
  constant: none,
  iota: none,
  randomUniform: none,
  stopGradient: none,
  boundary: (dy) => [dy],
  cast: none,
  neg: (dy) => [neg(dy)],
  exp: (dy, y) => [mul(dy, y)],
  log: (dy, _, [x]) => [div(dy, x)],
  // d√x = dx / (2√x)
  sqrt: (dy, y) => [div(mul(dy, 0.5), y)],
  sin: (dy, _, [x]) => [mul(dy, cos(x))],
  cos: (dy, _, [x]) => [neg(mul(dy, sin(x)))],
  // d tanh x = (1 − tanh² x) dx
  tanh: (dy, y) => [mul(dy, sub(1, square(y)))],
  // dσ(x) = σ(1 − σ) dx
  sigmoid: (dy, y) => [mul(dy, mul(y, sub(1, y)))],
  // d erf x = 2/√π · exp(−x²) dx
  erf: (dy, _, [x]) => [mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))],
  add: (dy, _, [a, b]) => [unbroadcast(dy, a.shape), unbroadcast(dy, b.shape)],
  sub: (dy, _, [a, b]) => [unbroadcast(dy, a.shape), unbroadcast(neg(dy), b.shape)],
  mul: (dy, _, [a, b]) => [unbroadcast(mul(dy, b), a.shape), unbroadcast(mul(dy, a), b.shape)],
  // d(a/b) = da/b − a·db/b², summed before it is divided, as b is often one number a row.
  div: (dy, _, [a, b]) => [
    unbroadcast(div(dy, b), a.shape),
    neg(div(unbroadcast(mul(dy, a), b.shape), square(b))),
  ],
  equal: none,
  less: none,
  where: (dy, _, [condition, yes, no]) => [
    undefined,
    unbroadcast(where(condition, dy, 0), yes.shape),
    unbroadcast(where(condition, 0, dy), no.shape),
  ],
  matmul: (dy, _, [a, b], { transposeA, transposeB }) => matmulGradients(dy, a, b, transposeA, transposeB),
  sum: (dy, _, [x]) => [broadcastTo(dy, x.shape)],
  // Shared equally among the positions that hold the largest value.
  max: (dy, y, [x], { axis }) => {
    const largest = cast(equal(x, y), 'float32');
    return [mul(dy, div(largest, sum(largest, [axis])))];
  },
  argmax: none,
  // dx = y ⊙ (dy − Σ dy ⊙ y)
  softmax: (dy, y) => [mul(y, sub(dy, sum(mul(dy, y), [-1])))],
  reshape: (dy, _, [x]) => [reshape(dy, x.shape)],
  transpose: (dy, _, __, { permutation }) => [transpose(dy, inverse(permutation))],
  broadcastTo: (dy, _, [x]) => [unbroadcast(dy, x.shape)],
  concat: (dy, _, inputs, { axis }) => {
    let start: Dim = 0;
    return inputs.map((input: Tensor) => {
      const part = slice(dy, axis, start, input.dim(axis));
      start = addDims(start, input.dim(axis));
      return part;
    });
  },
  // Zeros before and after.
  slice: (dy, _, [x], { axis, start, size }) => {
    const zeroPart = (count: Dim) => zeros(x.shape.map((dim, i) => (i === axis ? count : dim)));
    const after = subtractDims(x.dim(axis), addDims(start, size));
    const parts = [...(start === 0 ? [] : [zeroPart(start)]), dy, ...(after === 0 ? [] : [zeroPart(after)])];
    return [concat(parts, axis)];
  },
  gather: (dy, _, [table, indices]) => [scatterAdd(indices, dy, table.dim(0))],
  scatterAdd: (dy, _, [indices]) => [undefined, gather(dy, indices)],
};

export interface GradOptions {
  /**
   * Keeps of every layer (what lies between two boundaries) only its beginning, and computes the rest again when its
   * gradient is due (Chen et al., 2016): less memory for one forward pass more. What follows the last boundary is kept.
   */
  readonly recompute?: boolean;
}

/**
 * The gradients of a scalar with respect to some tensors, as new tensors of the same graph.
 * A tensor that the scalar does not depend on gets zeros.
 */
export function grad(
  scalar: Tensor,
  withRespectTo: readonly Tensor[],
  { recompute = false }: GradOptions = {},
): Tensor[] {
  if (scalar.shape.some((dim) => dim !== 1)) {
    throw new TypeError(`grad: the result must hold one number, got ${formatShape(scalar.shape)}`);
  }
  for (const { dtype, shape } of [scalar, ...withRespectTo]) {
    if (dtype !== 'float32') throw new TypeError(`grad: must be float32, got ${dtype}${formatShape(shape)}`);
  }
  const order = topologicalOrder([scalar]);
  const active = new Set<Tensor>(withRespectTo);
  for (const tensor of order) if (tensor.inputs.some((input) => active.has(input))) active.add(tensor);

  const one = float32(
    [1],
    scalar.shape.map(() => 1),
  );
  const gradients = new Map<Tensor, Tensor>([[scalar, constant(one)]]);
  const layers = recompute ? layerOrder([...order], gradients, active) : undefined;
  const valueFor = (tensor: Tensor, value: Tensor) => layers?.recomputed(tensor, value) ?? value;
  for (const tensor of order.reverse()) {
    const dy = gradients.get(tensor);
    if (dy === undefined || !active.has(tensor) || tensor.inputs.length === 0) continue;
    if (!tensor.inputs.some((input) => active.has(input))) continue;
    if (!(tensor.primitive in gradientRules)) {
      throw new TypeError(
        `grad: ${tensor.primitive} is fused; rewrite a graph after its gradients are there`,
      );
    }
    const rule = gradientRules[tensor.primitive as 'neg'] as GradientRule<Primitive>;
    const inputs = tensor.inputs.map((input) => valueFor(tensor, input)) as [Tensor, Tensor, Tensor];
    const passed = tensor.primitive === 'boundary' ? (layers?.passedOn(tensor, dy) ?? dy) : dy;
    const contributions = rule(passed, valueFor(tensor, tensor), inputs, tensor.attributes as never);
    contributions.forEach((contribution, index) => {
      const target = tensor.inputs[index];
      if (contribution === undefined || target === undefined || !active.has(target)) return;
      const sofar = gradients.get(target);
      gradients.set(target, sofar === undefined ? contribution : add(sofar, contribution));
    });
  }
  return withRespectTo.map((tensor) => gradients.get(tensor) ?? zeros(tensor.shape));
}

/** Sums a gradient over the axes along which the operand was broadcast. */
export function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  if (sameShape(dy.shape, shape)) return dy;
  const extra = dy.rank - shape.length;
  const axes = dy.shape.flatMap((size, axis) =>
    axis < extra || (shape[axis - extra] === 1 && size !== 1) ? [axis] : [],
  );
  return reshape(sum(dy, axes), shape);
}

/**
 * With A' and B' the operands as read (transposed or not), y = A'B' gives dA' = dy·B'ᵀ and dB' = A'ᵀ·dy.
 * A right operand without batch axes gets its gradient as one product over all rows.
 */
function matmulGradients(
  dy: Tensor,
  a: Tensor,
  b: Tensor,
  transposeA: boolean,
  transposeB: boolean,
): Gradient[] {
  const da = transposeA
    ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
    : matmul(dy, b, { transposeB: !transposeB });
  const joined = b.rank === 2 && a.rank > 2 && !transposeA;
  const left = joined ? flatten(a, a.rank - 1) : a;
  const right = joined ? flatten(dy, dy.rank - 1) : dy;
  const db = transposeB
    ? matmul(right, left, { transposeA: true, transposeB: transposeA })
    : matmul(left, right, { transposeA: !transposeA });
  return [unbroadcast(da, a.shape), unbroadcast(db, b.shape)];
}

function inverse(permutation: readonly number[]): number[] {
  const result = permutation.map(() => 0);
  permutation.forEach((axis, i) => {
    result[axis] = i;
  });
  return result;
}
