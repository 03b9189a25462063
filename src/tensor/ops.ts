// The functions that models are written in: thin wrappers over the primitives, and compositions of them.
// Numbers are promoted to constants; negative axes count from the end.
import type { DType, HostTensor } from './dtype.ts';
import { float32, int32 } from './dtype.ts';
import { make, type Tensor } from './graph.ts';
import type { WeightSource } from './primitives.ts';
import { type Dim, multiplyDims, type Shape, sameShape } from './shape.ts';
import { inferShape } from './shape-rules.ts';

export type Operand = Tensor | number;

export function input(name: string, dtype: DType, shape: Shape): Tensor {
  return make('input', [], { name, dtype, shape });
}

export function weight(name: string, source: WeightSource, shape: readonly number[]): Tensor {
  return make('weight', [], { name, source, shape });
}

export function constant(value: number | HostTensor, dtype: 'float32' | 'int32' = 'float32'): Tensor {
  if (typeof value !== 'number') return make('constant', [], { value });
  return make('constant', [], { value: dtype === 'float32' ? float32([value], []) : int32([value], []) });
}

export const iota = (size: Dim): Tensor => make('iota', [], { size });

/** Uniform numbers in [0, 1) that depend on nothing but `key`, `stream` and the position. */
export const randomUniform = (key: Tensor, stream: number, shape: Shape): Tensor =>
  make('randomUniform', [key], { stream, shape });

/** x itself, marked as the beginning of a layer (see `grad`'s `recompute`). */
export const boundary = (x: Tensor): Tensor => make('boundary', [x], {});
export const stopGradient = (x: Tensor): Tensor => make('stopGradient', [x], {});
export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x : make('cast', [x], { dtype });
export const neg = (x: Tensor): Tensor => make('neg', [x], {});
export const exp = (x: Tensor): Tensor => make('exp', [x], {});
export const log = (x: Tensor): Tensor => make('log', [x], {});
export const sqrt = (x: Tensor): Tensor => make('sqrt', [x], {});
export const sin = (x: Tensor): Tensor => make('sin', [x], {});
export const cos = (x: Tensor): Tensor => make('cos', [x], {});
export const tanh = (x: Tensor): Tensor => make('tanh', [x], {});
export const sigmoid = (x: Tensor): Tensor => make('sigmoid', [x], {});
export const erf = (x: Tensor): Tensor => make('erf', [x], {});

export const add = (a: Operand, b: Operand): Tensor => binary('add', a, b);
export const sub = (a: Operand, b: Operand): Tensor => binary('sub', a, b);
export const mul = (a: Operand, b: Operand): Tensor => binary('mul', a, b);
export const div = (a: Operand, b: Operand): Tensor => binary('div', a, b);
export const equal = (a: Operand, b: Operand): Tensor => binary('equal', a, b);
export const less = (a: Operand, b: Operand): Tensor => binary('less', a, b);

export function where(condition: Tensor, yes: Operand, no: Operand): Tensor {
  const [a, b] = promote(yes, no);
  return make('where', [condition, a, b], {});
}

/** Matrix product over the last two axes, batched over the others; `transposeA/B` read an operand transposed. */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: { transposeA?: boolean; transposeB?: boolean } = {},
): Tensor {
  const { transposeA = false, transposeB = false } = options;
  return make('matmul', [a, b], { transposeA, transposeB });
}

/** Sum over some axes (all by default), which stay with size 1. */
export function sum(x: Tensor, axes?: readonly number[]): Tensor {
  const list = (axes ?? x.shape.map((_, axis) => axis)).map((axis) => positive(x, axis));
  return list.length === 0 ? x : make('sum', [x], { axes: [...list].sort((a, b) => a - b) });
}

/** Mean over one axis of known size, which stays with size 1. */
export function mean(x: Tensor, axis: number): Tensor {
  return mul(sum(x, [axis]), 1 / x.staticDim(axis));
}

/** Largest value along an axis, which stays with size 1. */
export const max = (x: Tensor, axis: number): Tensor => make('max', [x], { axis: positive(x, axis) });
export const argmax = (x: Tensor, axis: number): Tensor => make('argmax', [x], { axis: positive(x, axis) });
export const softmax = (x: Tensor): Tensor => make('softmax', [x], {});

/** A new shape with the same elements; one entry may be -1. */
export function reshape(x: Tensor, shape: readonly Dim[]): Tensor {
  const target = inferShape(x, shape);
  return sameShape(x.shape, target) ? x : make('reshape', [x], { shape: target });
}

export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  return permutation.every((axis, i) => axis === i) ? x : make('transpose', [x], { permutation });
}

export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : make('broadcastTo', [x], { shape });
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0];
  if (first === undefined) throw new TypeError('concat: nothing to join');
  return parts.length === 1 ? first : make('concat', parts, { axis: positive(first, axis) });
}

/** The part [start, start + size) of an axis. */
export function slice(x: Tensor, axis: number, start: Dim, size: Dim): Tensor {
  const place = positive(x, axis);
  return start === 0 && size === x.shape[place] ? x : make('slice', [x], { axis: place, start, size });
}

/** Rows of `table` ([rows, …]) at int32 `indices` ([…]). */
export const gather = (table: Tensor, indices: Tensor): Tensor => make('gather', [table, indices], {});

/** Adds `updates` ([...indices, …]) into `rows` zero rows at int32 `indices`. */
export const scatterAdd = (indices: Tensor, updates: Tensor, rows: Dim): Tensor =>
  make('scatterAdd', [indices, updates], { rows });

export const square = (x: Tensor): Tensor => mul(x, x);
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));
/** x·sigmoid(1.702·x), CLIP's activation. */
export const quickGelu = (x: Tensor): Tensor => mul(x, sigmoid(mul(x, 1.702)));
/** The exact GELU, x·Φ(x). */
export const gelu = (x: Tensor): Tensor => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
/** GELU's approximation by tanh, x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
export const geluTanh = (x: Tensor): Tensor =>
  mul(mul(x, 0.5), add(tanh(mul(add(x, mul(mul(square(x), x), 0.044715)), Math.sqrt(2 / Math.PI))), 1));

export const zeros = (shape: Shape): Tensor => broadcastTo(constant(0), shape);

/** log softmax over the last axis, shifted by the largest value so that nothing overflows. */
export function logSoftmax(x: Tensor): Tensor {
  const shifted = sub(x, stopGradient(max(x, -1)));
  return sub(shifted, log(sum(exp(shifted), [-1])));
}

/** Merges the first `count` axes into one. */
export function flatten(x: Tensor, count: number): Tensor {
  return reshape(x, [multiplyDims(...x.shape.slice(0, count)), ...x.shape.slice(count)]);
}

function binary(primitive: 'add' | 'sub' | 'mul' | 'div' | 'equal' | 'less', a: Operand, b: Operand): Tensor {
  return make(primitive, promote(a, b), {});
}

function promote(a: Operand, b: Operand): [Tensor, Tensor] {
  const dtype = typeof a === 'number' ? (typeof b === 'number' ? 'float32' : b.dtype) : a.dtype;
  const lift = (x: Operand) =>
    typeof x === 'number' ? constant(x, dtype === 'int32' ? 'int32' : 'float32') : x;
  return [lift(a), lift(b)];
}

function positive(x: Tensor, axis: number): number {
  return axis < 0 ? axis + x.rank : axis;
}
