// The graph: symbolic tensors and the primitives that make them. A tensor knows how it was computed; a graph is what
// its outputs reach. Nothing here computes a value.
import type { DType, HostTensor, StorageType } from './dtype.ts';
import { type Dim, formatShape, type Shape } from './shape.ts';
import { shapeRules } from './shape-rules.ts';

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
  /** Uniform in [0, 1), a hash of (key input, stream, position): see random-rules.ts. Input: key, int32 []. */
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

/** A symbolic tensor: immutable, made by one primitive from other tensors. */
export class Tensor<P extends Primitive = Primitive> {
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(
    readonly primitive: P,
    readonly inputs: readonly Tensor[],
    readonly attributes: Primitives[P],
  ) {
    const rule = shapeRules[primitive] as (
      inputs: readonly Tensor[],
      attributes: Primitives[P],
    ) => TensorType;
    const type = rule(inputs, attributes);
    this.shape = type.shape;
    this.dtype = type.dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** The size of an axis; negative axes count from the end. */
  dim(axis: number): Dim {
    const size = this.shape[axis < 0 ? axis + this.rank : axis];
    if (size === undefined) throw new Error(`tensor: no axis ${axis} in shape ${formatShape(this.shape)}`);
    return size;
  }

  /** The size of an axis that must be a number. */
  staticDim(axis: number): number {
    const size = this.dim(axis);
    if (typeof size !== 'number')
      throw new Error(`tensor: axis ${axis} of ${formatShape(this.shape)} must be a number`);
    return size;
  }
}

export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

export function make<P extends Primitive>(
  primitive: P,
  inputs: readonly Tensor[],
  attributes: Primitives[P],
): Tensor {
  return new Tensor(primitive, inputs, attributes) as unknown as Tensor;
}

/** Narrows a tensor to one primitive, attributes included. */
export function isMadeBy<P extends Primitive>(tensor: Tensor, primitive: P): tensor is Tensor<P> & Tensor {
  return (tensor.primitive as Primitive) === primitive;
}

/** Every tensor that the outputs reach, inputs before users; iterative, as graphs are deeper than the call stack. */
export function topologicalOrder(outputs: readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  const entered = new Set<Tensor>();
  const stack: { readonly tensor: Tensor; next: number }[] = [];
  for (const output of outputs) {
    if (entered.has(output)) continue;
    entered.add(output);
    stack.push({ tensor: output, next: 0 });
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.tensor.inputs[top.next++];
      if (input === undefined) {
        order.push(top.tensor);
        stack.pop();
      } else if (!entered.has(input)) {
        entered.add(input);
        stack.push({ tensor: input, next: 0 });
      }
    }
  }
  return order;
}
