// What a product with a quantised matrix means, in plain loops: the twin that the runtime is tested against.
// In 8 bits the rounding of x is part of the meaning; in 4 bits it is the runtime's own affair and left out here.
import type { ByteRange, QuantizedMatrix } from './primitives.ts';
import { dequantizeInt4 } from './quantization.ts';

/** x·M. x: [rows, inputs], row-major; result [rows, outputs]. */
export function quantizedProduct(
  x: Float64Array,
  matrix: QuantizedMatrix,
  readBytes: (range: ByteRange) => Uint8Array,
): Float64Array {
  const { inputs, outputs } = matrix;
  const rows = x.length / inputs;
  const values = matrix.bits === 8 ? values8(matrix, readBytes) : values4(matrix, readBytes);
  const result = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const given = x.subarray(row * inputs, (row + 1) * inputs);
    const used = matrix.bits === 8 ? roundedRow(given) : given;
    for (let column = 0; column < outputs; column++) {
      let total = 0;
      for (let i = 0; i < inputs; i++)
        total += (used[i] as number) * (values[i * outputs + column] as number);
      result[row * outputs + column] = total;
    }
  }
  return result;
}

/** A row as −127…127 times a scale, with the runtime's float32 arithmetic and its rounding of halves to even. */
function roundedRow(row: Float64Array): Float64Array {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(Math.fround(value))), 1e-30);
  const scale = Math.fround(largest * Math.fround(1 / 127));
  return row.map((value) => halfToEven(Math.fround(Math.fround(value) / scale)) * scale);
}

function halfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** [inputs, outputs] */
function values8(
  { inputs, outputs, numbers, scales, unsigned = false }: QuantizedMatrix,
  readBytes: (range: ByteRange) => Uint8Array,
) {
  const bytes = readBytes(numbers);
  const integers = unsigned ? Int16Array.from(bytes, (byte) => byte - 128) : Int8Array.from(bytes);
  const factors = scales === undefined ? undefined : floatsOf(readBytes(scales));
  return Float64Array.from(
    { length: inputs * outputs },
    (_, i) => (integers[i] as number) * (factors?.[i % outputs] ?? 1),
  );
}

/** [inputs, outputs], from rows of outputs. */
function values4(
  { inputs, outputs, numbers, scales }: QuantizedMatrix,
  readBytes: (range: ByteRange) => Uint8Array,
) {
  if (scales === undefined) throw new Error('internal: a 4-bit matrix has no scales');
  const matrix = { numbers: readBytes(numbers), scales: floatsOf(readBytes(scales)) };
  const values = dequantizeInt4(matrix, outputs, inputs);
  return Float64Array.from(
    { length: inputs * outputs },
    (_, i) => values[(i % outputs) * inputs + Math.floor(i / outputs)] as number,
  );
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
