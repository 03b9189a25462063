// What is fed to a program and returned by it: values on the host, or tensors that stay where they were computed.
import type { DType, HostTensor } from './dtype.ts';

/** A value fed to or returned by a program: on the host, or left on the device it was computed on. */
export type Value = HostTensor | DeviceTensor;

/** A tensor that stays where a program computed it, until it is disposed; it is fed to other programs or read. */
export abstract class DeviceTensor {
  abstract readonly shape: readonly number[];
  abstract readonly dtype: DType;

  /** A copy on the host. */
  abstract read(): Promise<HostTensor>;

  abstract dispose(): void;
}

/** The float32 numbers of a host value. */
export function floats(value: Value | undefined): Float32Array {
  if (value === undefined || value instanceof DeviceTensor || value.dtype !== 'float32') {
    throw new TypeError('program: expected a float32 value on the host');
  }
  return value.data as Float32Array;
}
