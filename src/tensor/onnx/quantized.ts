// A product with a frozen matrix in 8 or 4 bits, in ONNX.
// 8 bits: every row of x is rounded to 8 bits with a scale of its own, and integers are multiplied exactly (row-wise
// activations, column-wise weights, as in LLM.int8, Dettmers et al. 2022, and SwitchBack, Wortsman et al. 2023).
// Which bytes the runtime multiplies exactly depends on the processor (exact-products.ts); both ways give the same integers.
// 4 bits: MatMulNBits, which rounds x in blocks of a row.

import type { Tensor } from '../graph.ts';
import type { QuantizedMatrix } from '../primitives.ts';
import { BLOCK, blocksOf } from '../quantization.ts';
import type { Emitter } from './emitter.ts';

export function quantizedMatmul(emit: Emitter, x: string, matrix: QuantizedMatrix, tensor: Tensor): string {
  return matrix.bits === 8 ? product8(emit, x, matrix, tensor) : product4(emit, x, matrix);
}

function product8(emit: Emitter, x: string, matrix: QuantizedMatrix, tensor: Tensor): string {
  const { name, inputs, outputs, numbers, scales, unsigned = false } = matrix;
  const last = emit.int64([(tensor.inputs[0]?.rank ?? 1) - 1]);
  const number = (value: number, shape: readonly number[] = []) =>
    emit.constant({ dtype: 'float32', shape, data: Float32Array.of(value) });
  const high = emit.node('ReduceMax', [x, last], { keepdims: 1 });
  const low = emit.node('Neg', [emit.node('ReduceMin', [x, last], { keepdims: 1 })]);
  const largest = emit.node('Max', [high, low, number(SMALLEST)]);
  const scale = emit.node('Mul', [largest, number(1 / 127)]); // [..., 1]
  const zero = emit.uint8(128);
  const rowZeros = emit.node('Expand', [zero, emit.node('Shape', [scale])]);
  const rounded = emit.node('QuantizeLinear', [x, scale, rowZeros], { axis: -1, block_size: inputs });
  const integers = emit.stored(name, numbers, unsigned ? 'uint8' : 'int8', [inputs, outputs]);
  const columnScales = scales ? emit.stored(`${name}.scales`, scales, 'float32', [outputs]) : number(1);
  const product = emit.node(
    'MatMulIntegerToFloat',
    [rounded, integers, number(1), columnScales, zero, ...(unsigned ? [zero] : [])],
    {},
    'com.microsoft',
  );
  return emit.node('Mul', [product, scale]);
}

/** Keeps the scale of a row of zeros above zero. */
const SMALLEST = 1e-30;

function product4(emit: Emitter, x: string, matrix: QuantizedMatrix): string {
  const { name, inputs, outputs, numbers, scales } = matrix;
  if (scales === undefined) throw new Error(`internal: ${name} has no scales`);
  const blocks = blocksOf(inputs);
  const packed = emit.stored(name, numbers, 'uint8', [outputs, blocks, BLOCK / 2]);
  const blockScales = emit.stored(`${name}.scales`, scales, 'float32', [outputs * blocks]);
  // Level 4 lets the CPU multiply in 8-bit integers; at the default it would be no faster than float32.
  const attributes = { K: inputs, N: outputs, bits: 4, block_size: BLOCK, accuracy_level: 4 };
  return emit.node('MatMulNBits', [x, packed, blockScales], attributes, 'com.microsoft');
}
