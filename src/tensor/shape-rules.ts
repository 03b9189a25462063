// What each primitive gives from what: the shape and dtype of its result, or an error that names the primitive and the
// shapes. These run at trace time, so a mistake is found before anything is compiled.
import { elementCount } from './dtype.ts';
import type { Operand, Primitive, Primitives, TensorType } from './primitives.ts';
import {
  addDims,
  broadcastShapes,
  type Dim,
  divideDims,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
} from './shape.ts';

type ShapeRule<P extends Primitive> = (inputs: readonly Operand[], attributes: Primitives[P]) => TensorType;

export const shapeRules: { readonly [P in Primitive]: ShapeRule<P> } = {
  input: (_, { dtype, shape }) => ({ dtype, shape }),
  weight: (_, { name, source, shape }) => {
    const bytes = elementCount(shape) * (source.storage === 'F32' ? 4 : 2);
    if (bytes !== source.byteLength) {
      const type = `${source.storage}${formatShape(shape)}`;
      fail('weight', [], `"${name}" as ${type} takes ${bytes} bytes, its range has ${source.byteLength}`);
    }
    return { dtype: 'float32', shape };
  },
  constant: (_, { value }) => ({ dtype: value.dtype, shape: value.shape }),
  iota: (_, { size }) => ({ dtype: 'int32', shape: [size] }),
  randomUniform: ([key], { shape }) => {
    if (key?.dtype !== 'int32' || key.rank !== 0)
      fail('randomUniform', [key], 'the key must be an int32 scalar');
    return { dtype: 'float32', shape };
  },
  stopGradient: ([x]) => same(x),
  boundary: ([x]) => same(x),
  cast: ([x], { dtype }) => ({ dtype, shape: given(x).shape }),
  neg: ([x]) => float('neg', x),
  exp: ([x]) => float('exp', x),
  log: ([x]) => float('log', x),
  sqrt: ([x]) => float('sqrt', x),
  sin: ([x]) => float('sin', x),
  cos: ([x]) => float('cos', x),
  tanh: ([x]) => float('tanh', x),
  sigmoid: ([x]) => float('sigmoid', x),
  erf: ([x]) => float('erf', x),
  add: (inputs) => arithmetic('add', inputs),
  sub: (inputs) => arithmetic('sub', inputs),
  mul: (inputs) => arithmetic('mul', inputs),
  div: (inputs) => arithmetic('div', inputs),
  equal: (inputs) => ({ ...broadcast('equal', inputs), dtype: 'bool' }),
  less: (inputs) => ({ ...arithmetic('less', inputs), dtype: 'bool' }),
  where: ([condition, yes, no]) => {
    if (given(condition).dtype !== 'bool') fail('where', [condition, yes, no], 'the condition must be bool');
    const branches = broadcast('where', [given(yes), given(no)]);
    const shape = broadcastShapes(given(condition).shape, branches.shape);
    return {
      dtype: branches.dtype,
      shape: shape ?? fail('where', [condition, yes, no], 'shapes do not broadcast'),
    };
  },
  matmul: ([a, b], { transposeA, transposeB }) => {
    if (given(a).rank < 2 || given(b).rank < 2) fail('matmul', [a, b], 'both need at least two axes');
    if (given(a).dtype !== 'float32' || given(b).dtype !== 'float32')
      fail('matmul', [a, b], 'both must be float32');
    const [rows, inner] = lastTwo(given(a), transposeA);
    const [innerB, columns] = lastTwo(given(b), transposeB);
    const flags = `${transposeA ? ' transposeA' : ''}${transposeB ? ' transposeB' : ''}`;
    if (inner !== innerB) fail('matmul', [a, b], `inner sizes ${inner} and ${innerB} differ${flags}`);
    const batch = broadcastShapes(given(a).shape.slice(0, -2), given(b).shape.slice(0, -2));
    return {
      dtype: 'float32',
      shape: [...(batch ?? fail('matmul', [a, b], 'batch axes do not broadcast')), rows, columns],
    };
  },
  sum: ([x], { axes }) => {
    const { shape } = float('sum', x);
    for (const axis of axes) checkAxis('sum', given(x), axis);
    return { dtype: 'float32', shape: shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) };
  },
  max: ([x], { axis }) => {
    checkAxis('max', given(x), axis);
    return { dtype: 'float32', shape: float('max', x).shape.map((size, i) => (i === axis ? 1 : size)) };
  },
  argmax: ([x], { axis }) => {
    checkAxis('argmax', given(x), axis);
    if (given(x).dtype === 'bool') fail('argmax', [x], 'must be numbers');
    return { dtype: 'int32', shape: given(x).shape.filter((_, i) => i !== axis) };
  },
  softmax: ([x]) => {
    if (given(x).rank === 0) fail('softmax', [x], 'needs an axis');
    return float('softmax', x);
  },
  reshape: ([x], { shape }) => {
    if (sizeOf(given(x).shape) !== sizeOf(shape)) fail('reshape', [x], `does not fill ${formatShape(shape)}`);
    return { dtype: given(x).dtype, shape };
  },
  transpose: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    if (permutation.length !== given(x).rank || sorted.some((axis, i) => axis !== i)) {
      fail('transpose', [x], `(${permutation.join(', ')}) is not a permutation of its axes`);
    }
    return { dtype: given(x).dtype, shape: permutation.map((axis) => given(x).dim(axis)) };
  },
  broadcastTo: ([x], { shape }) => {
    const result = broadcastShapes(given(x).shape, shape);
    if (result === undefined || !sameShape(result, shape))
      fail('broadcastTo', [x], `does not broadcast to ${formatShape(shape)}`);
    return { dtype: given(x).dtype, shape };
  },
  concat: (inputs, { axis }) => {
    const first = given(inputs[0]);
    checkAxis('concat', first, axis);
    for (const other of inputs) {
      const fits =
        other.rank === first.rank && other.shape.every((size, i) => i === axis || size === first.shape[i]);
      if (!fits || other.dtype !== first.dtype) fail('concat', inputs, `differ outside axis ${axis}`);
    }
    const total = addDims(...inputs.map((input) => input.dim(axis)));
    return { dtype: first.dtype, shape: first.shape.map((size, i) => (i === axis ? total : size)) };
  },
  slice: ([x], { axis, start, size }) => {
    checkAxis('slice', given(x), axis);
    const whole = given(x).dim(axis);
    if (Number(start) < 0 || Number(size) < 0) fail('slice', [x], `cannot take ${size} from ${start}`);
    if (
      [whole, start, size].every((dim) => typeof dim === 'number') &&
      Number(start) + Number(size) > Number(whole)
    ) {
      fail('slice', [x], `${start}..${Number(start) + Number(size)} leaves axis ${axis} of size ${whole}`);
    }
    return { dtype: given(x).dtype, shape: given(x).shape.map((dim, i) => (i === axis ? size : dim)) };
  },
  gather: ([table, indices]) => {
    if (given(indices).dtype !== 'int32') fail('gather', [table, indices], 'indices must be int32');
    if (given(table).rank < 1) fail('gather', [table, indices], 'the table needs an axis');
    return { dtype: given(table).dtype, shape: [...given(indices).shape, ...given(table).shape.slice(1)] };
  },
  scatterAdd: ([indices, updates], { rows }) => {
    const rank = given(indices).rank;
    if (given(indices).dtype !== 'int32') fail('scatterAdd', [indices, updates], 'indices must be int32');
    if (given(updates).dtype !== 'float32') fail('scatterAdd', [indices, updates], 'updates must be float32');
    if (!sameShape(given(updates).shape.slice(0, rank), given(indices).shape)) {
      fail('scatterAdd', [indices, updates], "updates must begin with the indices' shape");
    }
    return { dtype: 'float32', shape: [rows, ...given(updates).shape.slice(rank)] };
  },
  sumOfSquares: ([x], { axes }) => {
    const { shape } = float('sumOfSquares', x);
    for (const axis of axes) checkAxis('sumOfSquares', given(x), axis);
    return { dtype: 'float32', shape: shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) };
  },
  rmsNorm: ([x, weight]) => {
    if (!sameShape(given(weight).shape, [given(x).dim(-1)])) fail('rmsNorm', [x, weight], 'sizes differ');
    return float('rmsNorm', x);
  },
  rotateHalves: ([x, cos, sin]) => {
    const { rank } = given(x);
    const half = rank === 4 ? given(x).staticDim(3) / 2 : 0;
    const tables = [
      [given(x).dim(2), half],
      [given(x).dim(0), 1, given(x).dim(2), half],
    ];
    const fits = tables.some((table) =>
      [cos, sin].every((tensor) => rank === 4 && sameShape(given(tensor).shape, table)),
    );
    if (!fits) {
      const expected = '[batch, heads, tokens, 2n] and tables [tokens, n] or [batch, 1, tokens, n]';
      fail('rotateHalves', [x, cos, sin], `expected ${expected}`);
    }
    return float('rotateHalves', x);
  },
  quantizedMatmul: ([x], { matrix: { inputs, outputs } }) => {
    if (given(x).dim(-1) !== inputs) fail('quantizedMatmul', [x], `the matrix takes ${inputs} inputs`);
    return { dtype: float('quantizedMatmul', x).dtype, shape: [...given(x).shape.slice(0, -1), outputs] };
  },
};

/** The target of a reshape in which one entry may be -1 and stand for the rest. */
export function inferShape(x: Operand, shape: readonly Dim[]): Shape {
  if (!shape.includes(-1)) return shape;
  const rest = divideDims(sizeOf(x.shape), sizeOf(shape.filter((dim) => dim !== -1)));
  if (rest === undefined) fail('reshape', [x], `no size for -1 in ${formatShape(shape)}`);
  return shape.map((dim) => (dim === -1 ? rest : dim));
}

function given(tensor: Operand | undefined): Operand {
  if (tensor === undefined) throw new Error('internal: a primitive lacks an input');
  return tensor;
}

function same(x: Operand | undefined): TensorType {
  return { dtype: given(x).dtype, shape: given(x).shape };
}

function float(primitive: Primitive, x: Operand | undefined): TensorType {
  if (given(x).dtype !== 'float32') fail(primitive, [x], 'must be float32');
  return same(x);
}

function broadcast(primitive: Primitive, [a, b]: readonly Operand[]): TensorType {
  if (given(a).dtype !== given(b).dtype) fail(primitive, [a, b], 'dtypes differ');
  const shape = broadcastShapes(given(a).shape, given(b).shape);
  return { dtype: given(a).dtype, shape: shape ?? fail(primitive, [a, b], 'shapes do not broadcast') };
}

function arithmetic(primitive: Primitive, inputs: readonly Operand[]): TensorType {
  if (inputs.some(({ dtype }) => dtype === 'bool')) fail(primitive, inputs, 'must be numbers');
  return broadcast(primitive, inputs);
}

function lastTwo(x: Operand, transposed: boolean): [Dim, Dim] {
  return transposed ? [x.dim(-1), x.dim(-2)] : [x.dim(-2), x.dim(-1)];
}

function checkAxis(primitive: Primitive, x: Operand, axis: number): void {
  if (!Number.isInteger(axis) || axis < 0 || axis >= x.rank) fail(primitive, [x], `has no axis ${axis}`);
}

function fail(primitive: Primitive, inputs: readonly (Operand | undefined)[], message: string): never {
  const types = inputs.map((input) => (input ? `${input.dtype}${formatShape(input.shape)}` : 'nothing'));
  throw new TypeError(`${primitive}(${types.join(', ')}): ${message}`);
}
