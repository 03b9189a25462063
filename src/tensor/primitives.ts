// The primitives that tensors are made by, and what each is told besides its inputs. The rule tables (shape, gradient,
// ONNX, interpreter) are mapped types over them. No rule is here, and no graph.
import type { DType, HostTensor, StorageType } from './dtype.ts';
import type { Dim, Shape } from './shape.ts';

/** A byte range of a file. */
export interface ByteRange {
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** Where a frozen weight's bytes lie, row-major. */
export interface WeightSource extends ByteRange {
  readonly storage: StorageType;
}

/** A frozen matrix in few bits, as `quantization.ts` lays it out: [inputs, outputs] in 8 bits, [outputs, blocks] in 4. */
export interface QuantizedMatrix {
  readonly name: string;
  readonly bits: 8 | 4;
  readonly inputs: number;
  readonly outputs: number;
  readonly numbers: ByteRange;
  /** 8 bits: whether the numbers stand as unsigned bytes, 128 for zero; by default as signed ones. */
  readonly unsigned?: boolean;
  /** float32: of every output in 8 bits (all 1 where absent), of every block in 4. */
  readonly scales?: ByteRange;
}

type None = Readonly<Record<never, never>>;

/** The primitives and their attributes. The rule tables (shape, gradient, ONNX, interpreter) are mapped types over it. */
export interface Primitives {
  /** Fed at every run. */
  input: { readonly name: string; readonly dtype: DType; readonly shape: Shape };
  /** Frozen, read from a file as float32. */
  weight: { readonly name: string; readonly source: WeightSource; readonly shape: readonly number[] };
  constant: { readonly value: HostTensor };
  /** 0, 1, 2, … as int32, [size]. */
  iota: { readonly size: Dim };
  /** Uniform in [0, 1), a hash of (key input, stream, position): see `random-hash.ts`. Input: key, int32 []. */
  randomUniform: { readonly stream: number; readonly shape: Shape };
  stopGradient: None;
  /** x itself. Marks where a layer begins, for gradients that recompute a layer instead of keeping it. */
  boundary: None;
  cast: { readonly dtype: DType };
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  sin: None;
  cos: None;
  tanh: None;
  sigmoid: None;
  erf: None;
  add: None;
  sub: None;
  mul: None;
  div: None;
  equal: None;
  less: None;
  /** Inputs: condition (bool), then, otherwise; all of one shape or broadcast. */
  where: None;
  /** Batched over the leading axes as NumPy's matmul; the flags transpose the last two axes first. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** Axes are kept with size 1. */
  sum: { readonly axes: readonly number[] };
  /** Axes are kept with size 1. */
  max: { readonly axis: number };
  /** Index of the first largest value, int32; the axis is dropped. */
  argmax: { readonly axis: number };
  /** Over the last axis. */
  softmax: None;
  reshape: { readonly shape: Shape };
  transpose: { readonly permutation: readonly number[] };
  broadcastTo: { readonly shape: Shape };
  concat: { readonly axis: number };
  slice: { readonly axis: number; readonly start: Dim; readonly size: Dim };
  /** Inputs: table [rows, …], indices int32 […]; result [...indices, ...]. */
  gather: None;
  /** Inputs: indices int32 […], updates [...indices, ...rest]; result [rows, ...rest], repeated indices add up. */
  scatterAdd: { readonly rows: Dim };

  // Fused: rewrites put these in (`fusions.ts`, `quantization.ts`) when the gradients are there. No model is written in them.

  /** Σ x² over some axes, which are kept with size 1. */
  sumOfSquares: { readonly axes: readonly number[] };
  /** Inputs: x [..., size], weight [size]; x / √(mean(x²) + ε) · weight over the last axis. */
  rmsNorm: { readonly epsilon: number };
  /**
   * Halves (a, b) → (a·cos − b·sin, b·cos + a·sin). Inputs: x [batch, heads, tokens, 2n]; cos and sin [tokens, n] or
   * [batch, 1, tokens, n].
   */
  rotateHalves: None;
  /** x·M for a frozen matrix in 8 or 4 bits; x: [..., inputs] is rounded to 8 bits a row (or a block of a row). */
  quantizedMatmul: { readonly matrix: QuantizedMatrix };
}

export type Primitive = keyof Primitives;
export type FusedPrimitive = 'sumOfSquares' | 'rmsNorm' | 'rotateHalves' | 'quantizedMatmul';

export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a shape rule sees of an input: its type, and questions about its axes. */
export interface Operand extends TensorType {
  readonly rank: number;
  /** The size of an axis; negative axes count from the end. */
  dim(axis: number): Dim;
  /** The size of an axis that must be a number. */
  staticDim(axis: number): number;
}
