// The element types a symbolic tensor may have, and the typed arrays that carry them on the host.

export type DType = 'float32' | 'int32' | 'bool';

/** How a frozen weight lies in its file; it is read as float32. */
export type StorageType = 'F32' | 'F16' | 'BF16';

export interface ArrayOf {
  readonly float32: Float32Array;
  readonly int32: Int32Array;
  readonly bool: Uint8Array;
}

/** A tensor's values on the host, row-major. `bool` holds 0 and 1. */
export interface HostTensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: ArrayOf[D];
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A float32 host tensor. Throws when the data does not fill the shape. */
export function float32(
  data: Float32Array | readonly number[],
  shape: readonly number[],
): HostTensor<'float32'> {
  return checked({
    dtype: 'float32',
    shape,
    data: data instanceof Float32Array ? data : Float32Array.from(data),
  });
}

/** An int32 host tensor. Throws when the data does not fill the shape. */
export function int32(data: Int32Array | readonly number[], shape: readonly number[]): HostTensor<'int32'> {
  return checked({ dtype: 'int32', shape, data: data instanceof Int32Array ? data : Int32Array.from(data) });
}

function checked<D extends DType>(tensor: HostTensor<D>): HostTensor<D> {
  if (tensor.data.length !== elementCount(tensor.shape)) {
    throw new Error(`tensor: ${tensor.data.length} values do not fill shape [${tensor.shape.join(', ')}]`);
  }
  return tensor;
}
