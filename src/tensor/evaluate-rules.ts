// What each primitive computes, said as plainly as possible: loops in float64, a function of the index at a time.
// It exists only to be right, as the twin that the runtime is tested against; nothing is trained with it.

import type { Tensor } from './graph.ts';
import type { ByteRange, Primitive, Primitives, WeightSource } from './primitives.ts';
import { quantizedProduct } from './quantization-twin.ts';
import { randomUniformAt } from './random-hash.ts';
import type { Dim, Shape } from './shape.ts';

/** Values of any dtype as float64, row-major; `bool` is 0 and 1. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What a rule may ask beside its inputs. */
export interface Surroundings {
  /** The size of a dimension in this evaluation. */
  size(dim: Dim): number;
  sizes(shape: Shape): readonly number[];
  feed(name: string): Numbers;
  readWeight(source: WeightSource): ArrayLike<number>;
  readBytes(range: ByteRange): Uint8Array;
}

type EvaluateRule<P extends Primitive> = (
  inputs: readonly [Numbers, Numbers, Numbers],
  attributes: Primitives[P],
  surroundings: Surroundings,
  tensor: Tensor,
) => Numbers;

export const evaluateRules: { readonly [P in Primitive]: EvaluateRule<P> } = {
  input: (_, { name }, { feed }) => feed(name),
  weight: (_, { source, shape }, { readWeight }) => numbers(shape, readWeight(source)),
  constant: (_, { value }) => numbers(value.shape, value.data),
  iota: (_, { size: dim }, { size }) => tabulate([size(dim)], ([i]) => i ?? 0),
  randomUniform: ([key], { stream, shape }, { sizes }) => {
    const result = tabulate(sizes(shape), () => 0);
    return {
      ...result,
      data: result.data.map((_, position) => randomUniformAt(read(key, []), stream, position)),
    };
  },
  stopGradient: ([x]) => x,
  boundary: ([x]) => x,
  cast: ([x], { dtype }) =>
    dtype === 'float32' ? x : map(x, dtype === 'int32' ? Math.trunc : (value) => Number(value !== 0)),
  neg: ([x]) => map(x, (value) => -value),
  exp: ([x]) => map(x, Math.exp),
  log: ([x]) => map(x, Math.log),
  sqrt: ([x]) => map(x, Math.sqrt),
  sin: ([x]) => map(x, Math.sin),
  cos: ([x]) => map(x, Math.cos),
  tanh: ([x]) => map(x, Math.tanh),
  sigmoid: ([x]) => map(x, (value) => 1 / (1 + Math.exp(-value))),
  erf: ([x]) => map(x, errorFunction),
  add: ([a, b], _, __, { dtype }) => zip(a, b, dtype === 'int32' ? (x, y) => (x + y) | 0 : (x, y) => x + y),
  sub: ([a, b], _, __, { dtype }) => zip(a, b, dtype === 'int32' ? (x, y) => (x - y) | 0 : (x, y) => x - y),
  mul: ([a, b], _, __, { dtype }) => zip(a, b, dtype === 'int32' ? Math.imul : (x, y) => x * y),
  // Integers are divided towards zero.
  div: ([a, b], _, __, { dtype }) =>
    zip(a, b, dtype === 'int32' ? (x, y) => Math.trunc(x / y) : (x, y) => x / y),
  equal: ([a, b]) => zip(a, b, (x, y) => Number(x === y)),
  less: ([a, b]) => zip(a, b, (x, y) => Number(x < y)),
  where: ([condition, yes, no]) =>
    tabulate(broadcast(condition.shape, broadcast(yes.shape, no.shape)), (index) =>
      read(condition, index) !== 0 ? read(yes, index) : read(no, index),
    ),
  matmul: ([a, b], { transposeA, transposeB }) => {
    const left = transposeA ? swapLastAxes(a) : a;
    const right = transposeB ? swapLastAxes(b) : b;
    const [rows = 0, inner = 0] = left.shape.slice(-2);
    const columns = right.shape.at(-1) ?? 0;
    const batch = broadcast(left.shape.slice(0, -2), right.shape.slice(0, -2));
    return tabulate([...batch, rows, columns], (index) => {
      const [outer, row = 0, column = 0] = [index.slice(0, -2), ...index.slice(-2)];
      let total = 0;
      for (let i = 0; i < inner; i++) {
        total += read(left, [...outer, row, i]) * read(right, [...outer, i, column]);
      }
      return total;
    });
  },
  sum: ([x], { axes }) => reduce(x, axes, 0, (total, value) => total + value),
  max: ([x], { axis }) => reduce(x, [axis], -Infinity, Math.max),
  argmax: ([x], { axis }) =>
    tabulate(
      x.shape.filter((_, i) => i !== axis),
      (index) => {
        let best = 0;
        for (let i = 1; i < (x.shape[axis] ?? 0); i++) {
          const value = read(x, index.toSpliced(axis, 0, i));
          if (value > read(x, index.toSpliced(axis, 0, best))) best = i;
        }
        return best;
      },
    ),
  softmax: ([x]) => {
    const last = [x.shape.length - 1];
    const powers = zip(x, reduce(x, last, -Infinity, Math.max), (value, largest) =>
      Math.exp(value - largest),
    );
    return zip(
      powers,
      reduce(powers, last, 0, (total, value) => total + value),
      (power, total) => power / total,
    );
  },
  reshape: ([x], { shape }, { sizes }) => ({ shape: sizes(shape), data: x.data }),
  transpose: ([x], { permutation }) =>
    tabulate(
      permutation.map((axis) => x.shape[axis] ?? 0),
      (index) =>
        read(
          x,
          x.shape.map((_, axis) => index[permutation.indexOf(axis)] ?? 0),
        ),
    ),
  broadcastTo: ([x], { shape }, { sizes }) => tabulate(sizes(shape), (index) => read(x, index)),
  concat: (inputs: readonly Numbers[], { axis }) => {
    const total = inputs.reduce((sofar, input) => sofar + (input.shape[axis] ?? 0), 0);
    return tabulate((inputs[0]?.shape ?? []).with(axis, total), (index) => {
      let place = index[axis] ?? 0;
      for (const part of inputs) {
        const size = part.shape[axis] ?? 0;
        if (place < size) return read(part, index.with(axis, place));
        place -= size;
      }
      throw new RangeError('concat: a position past the last part');
    });
  },
  slice: ([x], { axis, start, size: count }, { size }) => {
    const [from, whole] = [size(start), x.shape[axis] ?? 0];
    if (from < 0 || from + size(count) > whole) {
      throw new RangeError(`slice: ${from}..${from + size(count)} leaves an axis of size ${whole}`);
    }
    return tabulate(x.shape.with(axis, size(count)), (index) =>
      read(x, index.with(axis, from + (index[axis] ?? 0))),
    );
  },
  gather: ([table, indices]) => {
    const rank = indices.shape.length;
    return tabulate([...indices.shape, ...table.shape.slice(1)], (index) => {
      const row = checkRow('gather', read(indices, index.slice(0, rank)), table.shape[0] ?? 0);
      return read(table, [row, ...index.slice(rank)]);
    });
  },
  scatterAdd: ([indices, updates], { rows }, { size }) => {
    const rank = indices.shape.length;
    const shape = [size(rows), ...updates.shape.slice(rank)];
    const rowSize = count(shape.slice(1));
    const data = new Float64Array(count(shape));
    indices.data.forEach((value, position) => {
      const row = checkRow('scatterAdd', value, size(rows));
      for (let i = 0; i < rowSize; i++) {
        data[row * rowSize + i] =
          (data[row * rowSize + i] ?? 0) + (updates.data[position * rowSize + i] ?? 0);
      }
    });
    return { shape, data };
  },
  sumOfSquares: ([x], { axes }) => reduce(x, axes, 0, (total, value) => total + value * value),
  rmsNorm: ([x, weight], { epsilon }) => {
    const last = x.shape.length - 1;
    const squares = reduce(x, [last], 0, (total, value) => total + value * value);
    const roots = map(squares, (total) => Math.sqrt(total / (x.shape[last] ?? 1) + epsilon));
    return zip(
      zip(x, roots, (value, root) => value / root),
      weight,
      (value, factor) => value * factor,
    );
  },
  rotateHalves: ([x, cos, sin]) => {
    const n = (x.shape[3] ?? 0) / 2;
    return tabulate(x.shape, ([batch = 0, head = 0, token = 0, place = 0]) => {
      const entry = cos.shape.length === 2 ? [token, place % n] : [batch, 0, token, place % n];
      const [a, b] = [
        read(x, [batch, head, token, place % n]),
        read(x, [batch, head, token, (place % n) + n]),
      ];
      return place < n
        ? a * read(cos, entry) - b * read(sin, entry)
        : b * read(cos, entry) + a * read(sin, entry);
    });
  },
  quantizedMatmul: ([x], { matrix }, { readBytes }) => {
    const data = quantizedProduct(x.data, matrix, readBytes);
    return { shape: [...x.shape.slice(0, -1), matrix.outputs], data };
  },
};

export function numbers(shape: readonly number[], data: ArrayLike<number>): Numbers {
  if (data.length !== count(shape)) {
    throw new RangeError(`${data.length} values do not fill shape [${shape.join(', ')}]`);
  }
  return { shape, data: Float64Array.from(data) };
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A tensor whose value at an index is `value(index)`. */
function tabulate(shape: readonly number[], value: (index: readonly number[]) => number): Numbers {
  const index = shape.map(() => 0);
  const data = new Float64Array(count(shape));
  for (let position = 0; position < data.length; position++) {
    data[position] = value(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = ((index[axis] ?? 0) + 1) % (shape[axis] ?? 1);
      if (index[axis] !== 0) break;
    }
  }
  return { shape, data };
}

/** The value at an index of a shape that `x` broadcasts to: leading axes are dropped, axes of size 1 stay at 0. */
function read(x: Numbers, index: readonly number[]): number {
  const extra = index.length - x.shape.length;
  let position = 0;
  for (let axis = 0; axis < x.shape.length; axis++) {
    const size = x.shape[axis] ?? 1;
    position = position * size + (size === 1 ? 0 : (index[axis + extra] ?? 0));
  }
  return x.data[position] ?? Number.NaN;
}

function map(x: Numbers, value: (x: number) => number): Numbers {
  return { shape: x.shape, data: x.data.map((element) => value(element)) };
}

function zip(a: Numbers, b: Numbers, value: (a: number, b: number) => number): Numbers {
  return tabulate(broadcast(a.shape, b.shape), (index) => value(read(a, index), read(b, index)));
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[a.length - rank + axis] ?? 1;
    const y = b[b.length - rank + axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`[${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

function reduce(
  x: Numbers,
  axes: readonly number[],
  start: number,
  step: (sofar: number, value: number) => number,
): Numbers {
  const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const range = x.shape.map((size, axis) => (axes.includes(axis) ? size : 1));
  return tabulate(shape, (index) => {
    let sofar = start;
    tabulate(range, (offset) => {
      sofar = step(
        sofar,
        read(
          x,
          index.map((place, axis) => place + (offset[axis] ?? 0)),
        ),
      );
      return 0;
    });
    return sofar;
  });
}

function swapLastAxes(x: Numbers): Numbers {
  const [rows = 0, columns = 0] = x.shape.slice(-2);
  return tabulate([...x.shape.slice(0, -2), columns, rows], (index) => {
    const [row = 0, column = 0] = index.slice(-2);
    return read(x, [...index.slice(0, -2), column, row]);
  });
}

function checkRow(primitive: Primitive, row: number, rows: number): number {
  if (row < 0 || row >= rows) throw new RangeError(`${primitive}: index ${row} is outside 0..${rows - 1}`);
  return row;
}

/** erf x = 2/√π · exp(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): every term has one sign, so nothing cancels. */
function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [total, term] = [x, x];
  for (let n = 1; Math.abs(term) > Math.abs(total) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}
