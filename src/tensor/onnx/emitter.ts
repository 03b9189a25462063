// What a rule of a primitive may do to the ONNX graph under construction. Who builds that graph is in `write.ts`.
import type { DType, HostTensor } from '../dtype.ts';
import type { ByteRange, WeightSource } from '../primitives.ts';
import type { Shape } from '../shape.ts';

export type Provider = 'cpu' | 'webgpu' | 'cuda';
/** A number is written as an integer; `{ float }` as a floating-point one. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number };
/** ONNX element types that nodes mention. */
export type OnnxType = DType | 'int64' | 'uint32' | 'int8' | 'uint8';

/** What a rule may do to the ONNX graph under construction. */
export interface Emitter {
  readonly provider: Provider;
  /** Adds a node with one output and returns the output's name. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
    domain?: '' | 'com.microsoft',
  ): string;
  constant(value: HostTensor): string;
  int64(values: readonly number[], shape?: readonly number[]): string;
  uint32(value: number): string;
  cast(value: string, type: OnnxType): string;
  uint8(value: number): string;
  weight(name: string, source: WeightSource, shape: readonly number[]): string;
  /** Numbers of a type as they lie in a file. */
  stored(name: string, range: ByteRange, type: OnnxType, shape: readonly number[]): string;
  /** A shape as a one-dimensional int64 value, named dimensions read from the fed inputs. */
  dims(shape: Shape): string;
}
