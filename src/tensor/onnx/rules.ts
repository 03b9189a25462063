// How each primitive is written in ONNX (opset 21, and com.microsoft where a provider has it).
// A rule emits nodes through the emitter and returns the name of the value it made.
import { int32 } from '../dtype.ts';
import type { Tensor } from '../graph.ts';
import type { Primitive, Primitives } from '../primitives.ts';
import { addDims, type Dim, multiplyDims, type Shape, sizeOf } from '../shape.ts';
import type { Emitter } from './emitter.ts';
import { quantizedMatmul } from './quantized.ts';

type OnnxRule<P extends Primitive> = (
  emit: Emitter,
  inputs: readonly [string, string, string],
  attributes: Primitives[P],
  tensor: Tensor,
) => string;

const simple =
  (operator: string) =>
  (emit: Emitter, inputs: readonly string[]): string =>
    emit.node(operator, inputs);

export const onnxRules: { readonly [P in Primitive]: OnnxRule<P> } = {
  input: (_, __, { name }) => name,
  weight: (emit, _, { name, source, shape }) => emit.weight(name, source, shape),
  constant: (emit, _, { value }) => emit.constant(value),
  iota: (emit, _, { size }) => range(emit, size),
  randomUniform: (emit, [key], { stream, shape }) => randomUniform(emit, key, stream, shape),
  stopGradient: (_, [x]) => x,
  boundary: (_, [x]) => x,
  cast: (emit, [x], { dtype }) => emit.cast(x, dtype),
  neg: simple('Neg'),
  exp: simple('Exp'),
  log: simple('Log'),
  sqrt: simple('Sqrt'),
  sin: (emit, [x]) => (emit.provider === 'webgpu' ? sine(emit, x, 0) : emit.node('Sin', [x])),
  cos: (emit, [x]) => (emit.provider === 'webgpu' ? sine(emit, x, 0.5) : emit.node('Cos', [x])),
  tanh: simple('Tanh'),
  sigmoid: simple('Sigmoid'),
  erf: simple('Erf'),
  add: simple('Add'),
  sub: simple('Sub'),
  mul: simple('Mul'),
  div: simple('Div'),
  equal: simple('Equal'),
  less: simple('Less'),
  where: simple('Where'),
  matmul: (emit, [a, b], { transposeA, transposeB }, tensor) => {
    if (!transposeA && !transposeB) return emit.node('MatMul', [a, b]);
    if (emit.provider !== 'webgpu') {
      return emit.node(
        'FusedMatMul',
        [a, b],
        { transA: Number(transposeA), transB: Number(transposeB) },
        'com.microsoft',
      );
    }
    const ranks = tensor.inputs.map((input) => input.rank);
    const left = transposeA ? swapLastAxes(emit, a, ranks[0] ?? 2) : a;
    return emit.node('MatMul', [left, transposeB ? swapLastAxes(emit, b, ranks[1] ?? 2) : b]);
  },
  sum: (emit, [x], { axes }) => emit.node('ReduceSum', [x, emit.int64(axes)], { keepdims: 1 }),
  max: (emit, [x], { axis }) => emit.node('ReduceMax', [x, emit.int64([axis])], { keepdims: 1 }),
  argmax: (emit, [x], { axis }) => emit.cast(emit.node('ArgMax', [x], { axis, keepdims: 0 }), 'int32'),
  softmax: (emit, [x]) => emit.node('Softmax', [x], { axis: -1 }),
  reshape: (emit, [x], { shape }, tensor) => reshape(emit, x, tensor.inputs[0]?.shape ?? [], shape),
  transpose: (emit, [x], { permutation }) => emit.node('Transpose', [x], { perm: permutation }),
  broadcastTo: (emit, [x], { shape }, tensor) => {
    const from = tensor.inputs[0]?.shape ?? [];
    const offset = shape.length - from.length;
    // A target of 1 keeps the operand's own size.
    const target = shape.map((dim, axis) => (axis >= offset && from[axis - offset] === dim ? 1 : dim));
    return emit.node('Expand', [x, emit.dims(target)]);
  },
  concat: (emit, inputs, { axis }) => emit.node('Concat', inputs, { axis }),
  slice: (emit, [x], { axis, start, size }, tensor) => {
    const end = addDims(start, size);
    const last = end === tensor.inputs[0]?.dim(axis) ? emit.int64([2 ** 53]) : emit.dims([end]);
    return emit.node('Slice', [x, emit.dims([start]), last, emit.int64([axis])]);
  },
  gather: (emit, [table, indices]) => emit.node('Gather', [table, indices], { axis: 0 }),
  // A product with one-hot rows: ONNX's scatter with addition is not deterministic on several threads.
  scatterAdd: (emit, [indices, updates], { rows }, tensor) => {
    const rest = tensor.shape.slice(1);
    const column = emit.node('Reshape', [indices, emit.int64([-1, 1])]);
    const hot = emit.cast(emit.node('Equal', [column, range(emit, rows)]), 'float32');
    const flat = exactReshape(emit, updates, [sizeOf(tensor.inputs[0]?.shape ?? []), sizeOf(rest)]);
    const transposed = emit.provider === 'webgpu' ? swapLastAxes(emit, hot, 2) : hot;
    const added =
      emit.provider === 'webgpu'
        ? emit.node('MatMul', [transposed, flat])
        : emit.node('FusedMatMul', [hot, flat], { transA: 1 }, 'com.microsoft');
    return exactReshape(emit, added, [rows, ...rest]);
  },
  sumOfSquares: (emit, [x], { axes }) => emit.node('ReduceSumSquare', [x, emit.int64(axes)], { keepdims: 1 }),
  rmsNorm: (emit, [x, weight], { epsilon }) =>
    emit.node('SimplifiedLayerNormalization', [x, weight], { axis: -1, epsilon: { float: epsilon } }),
  rotateHalves: (emit, [x, cos, sin], _, tensor) => rotateHalves(emit, x, cos, sin, tensor),
  quantizedMatmul: (emit, [x], { matrix }, tensor) => quantizedMatmul(emit, x, matrix, tensor),
};

/** The runtime looks positions up in tables of [rows, n]: a row a token, or one for every token of every batch row. */
function rotateHalves(emit: Emitter, x: string, cos: string, sin: string, tensor: Tensor): string {
  const [batch = 1, , tokens = 1] = tensor.shape;
  const half = tensor.staticDim(3) / 2;
  const shared = tensor.inputs[1]?.rank === 2;
  const table = (value: string) => (shared ? value : emit.node('Reshape', [value, emit.int64([-1, half])]));
  // One position id stands for the place of the first token.
  const rows = () => emit.cast(range(emit, multiplyDims(batch, tokens)), 'int64');
  const positions = shared ? emit.int64([0]) : exactReshape(emit, rows(), [batch, tokens]);
  return emit.node('RotaryEmbedding', [x, positions, table(cos), table(sin)], {}, 'com.microsoft');
}

function range(emit: Emitter, size: Dim): string {
  if (typeof size === 'number')
    return emit.constant(
      int32(
        Int32Array.from({ length: size }, (_, i) => i),
        [size],
      ),
    );
  const end = emit.cast(emit.node('Squeeze', [emit.dims([size]), emit.int64([0])]), 'int32');
  return emit.node('Range', [emit.constant(int32([0], [])), end, emit.constant(int32([1], []))]);
}

function swapLastAxes(emit: Emitter, x: string, rank: number): string {
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return emit.node('Transpose', [x], { perm });
}

/** Copies (0) and one inferred entry (-1) where they suffice, so that most reshapes need no runtime arithmetic. */
function reshape(emit: Emitter, x: string, from: Shape, to: Shape): string {
  const entries = to.map((dim, axis) => (typeof dim === 'number' ? dim : dim === from[axis] ? 0 : -1));
  const copies = entries.filter((entry) => entry === -1).length <= 1 && !to.includes(0);
  return copies ? emit.node('Reshape', [x, emit.int64(entries)]) : exactReshape(emit, x, to);
}

/** With every size given; a size of zero is one. */
function exactReshape(emit: Emitter, x: string, to: Shape): string {
  return emit.node('Reshape', [x, emit.dims(to)], { allowzero: 1 });
}

/**
 * sin(x + turn·π) from plain operators. WGSL promises its own sin to 2⁻¹¹ only, and nothing beyond ±π; rotary angles
 * are far larger. With k = ⌊x/π + turn + ½⌋ and r = x − (k − turn)·π in [−π/2, π/2], it is (−1)ᵏ·sin r, and sin r is its
 * Taylor polynomial of degree 11 (error below 6e-8). π is taken off in two parts, the first exact in few bits.
 */
function sine(emit: Emitter, x: string, turn: number): string {
  const value = (number: number) =>
    emit.constant({ dtype: 'float32', shape: [], data: Float32Array.of(number) });
  const add = (a: string, b: string) => emit.node('Add', [a, b]);
  const mul = (a: string, b: string) => emit.node('Mul', [a, b]);
  const k = emit.node('Floor', [add(mul(x, value(1 / Math.PI)), value(turn + 0.5))]);
  const minusTurns = emit.node('Sub', [value(turn), k]);
  const coarse = 201 / 64;
  const r = add(add(x, mul(minusTurns, value(coarse))), mul(minusTurns, value(Math.PI - coarse)));
  const half = mul(k, value(0.5));
  const isOdd = mul(emit.node('Sub', [half, emit.node('Floor', [half])]), value(2));
  const sign = emit.node('Sub', [value(1), mul(isOdd, value(2))]);
  const square = mul(r, r);
  // 1 − r²/3! + r⁴/5! − …, from the inside out.
  const series = [11, 9, 7, 5, 3].reduce(
    (inner, degree) =>
      emit.node('Sub', [value(1), mul(mul(square, value(1 / (degree * (degree - 1)))), inner)]),
    value(1),
  );
  return mul(mul(sign, r), series);
}

/**
 * Uniform numbers from a 32-bit integer hash (multiply and xor-shift, the "lowbias32" constants) of
 * (position · golden ratio + key + stream · second constant). `randomUniformAt` in random-hash.ts is its plain twin.
 */
function randomUniform(emit: Emitter, key: string, stream: number, shape: Shape): string {
  const total = emit.node('ReduceProd', [emit.dims(shape.length === 0 ? [1] : shape)], { keepdims: 0 });
  const positions = emit.node('Range', [
    emit.constant(int32([0], [])),
    emit.cast(total, 'int32'),
    emit.constant(int32([1], [])),
  ]);
  const seed = emit.node('Add', [emit.cast(key, 'uint32'), emit.uint32(Math.imul(stream, 0x85ebca6b) >>> 0)]);
  let bits = emit.node('Add', [
    emit.node('Mul', [emit.cast(positions, 'uint32'), emit.uint32(0x9e3779b1)]),
    seed,
  ]);
  const xorShift = (count: number) => {
    const shifted = emit.node('BitShift', [bits, emit.uint32(count)], { direction: 'RIGHT' });
    bits = emit.node('BitwiseXor', [bits, shifted]);
  };
  xorShift(16);
  bits = emit.node('Mul', [bits, emit.uint32(0x7feb352d)]);
  xorShift(15);
  bits = emit.node('Mul', [bits, emit.uint32(0x846ca68b)]);
  xorShift(16);
  const top = emit.node('BitShift', [bits, emit.uint32(8)], { direction: 'RIGHT' });
  const scale = emit.constant({ dtype: 'float32', shape: [], data: Float32Array.of(2 ** -24) });
  return exactReshape(emit, emit.node('Mul', [emit.cast(top, 'float32'), scale]), shape);
}
