// Frozen matrices in 8 or 4 bits: how numbers are rounded and laid out, and the rewrite that uses them.
// A weight W [outputs, inputs] of y = x·Wᵀ is needed twice: as it is in the forward pass, and transposed for the gradient
// of x. In 8 bits both products use the same rounded numbers, so the gradient is that of the rounded model; in 4 bits,
// whose scales belong to blocks along the inner axis, the transposed matrix is rounded anew.

import { isMadeBy, make, type Tensor } from './graph.ts';
import { mul, weight } from './ops.ts';
import type { Primitives, QuantizedMatrix, WeightSource } from './primitives.ts';
import type { Rewrite } from './rewrite.ts';

/** Numbers that share a scale in 4 bits. */
export const BLOCK = 128;

export const blocksOf = (inputs: number): number => Math.ceil(inputs / BLOCK);

/** The two matrices of a weight: `forward` is Wᵀ [inputs, outputs], `backward` W, for the gradient of x. */
export interface QuantizedWeight {
  readonly forward: QuantizedMatrix;
  readonly backward: QuantizedMatrix;
}

/** Puts products with quantised matrices in the place of those with frozen weights that `find` knows. */
export function quantizeWeights(
  find: (weight: Primitives['weight']) => QuantizedWeight | undefined,
): Rewrite {
  return {
    name: 'quantizeWeights',
    apply: (tensor) => {
      if (!isMadeBy(tensor, 'matmul') || tensor.attributes.transposeA) return undefined;
      const [x, w] = tensor.inputs as readonly [Tensor, Tensor];
      if (!isMadeBy(w, 'weight')) return undefined;
      const found = find(w.attributes);
      if (found === undefined) return undefined;
      const { forward, backward } = found;
      if (tensor.attributes.transposeB) return make('quantizedMatmul', [x], { matrix: forward });
      // dx = dy·W = (dy ⊙ scales)·integers
      const scaled = backward.bits === 8 ? mul(x, scalesOf(forward)) : x;
      return make('quantizedMatmul', [scaled], { matrix: backward });
    },
  };
}

function scalesOf({ name, scales, outputs }: QuantizedMatrix): Tensor {
  if (scales === undefined) throw new Error(`internal: ${name} has no scales`);
  const source: WeightSource = { ...scales, storage: 'F32' };
  return weight(`${name}.scales`, source, [outputs]);
}

export interface Int8Matrix {
  /** [rows, columns] */
  readonly numbers: Int8Array;
  /** [rows] */
  readonly scales: Float32Array;
}

/** Every row rounded to −127…127 of its largest magnitude. values: [rows, columns]. */
export function quantizeInt8(values: Float32Array, rows: number, columns: number): Int8Matrix {
  const numbers = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * columns, (row + 1) * columns];
    let largest = 0;
    for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(values[i] as number));
    scales[row] = largest / 127;
    const factor = largest === 0 ? 0 : 127 / largest;
    for (let i = start; i < end; i++) numbers[i] = Math.round((values[i] as number) * factor);
  }
  return { numbers, scales };
}

/** [rows, columns] → [columns, rows], a tile at a time, as the matrices are larger than the caches. */
export function transposeMatrix<T extends Int8Array | Float32Array>(
  values: T,
  rows: number,
  columns: number,
): T {
  const result = new (values.constructor as new (length: number) => T)(values.length);
  const tile = 32;
  for (let top = 0; top < rows; top += tile) {
    for (let left = 0; left < columns; left += tile) {
      const [bottom, right] = [Math.min(rows, top + tile), Math.min(columns, left + tile)];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          result[column * rows + row] = values[row * columns + column] as number;
        }
      }
    }
  }
  return result;
}

export interface Int4Matrix {
  /** [rows, blocks, BLOCK / 2]: two numbers a byte, the even one in the low half; 8 stands for zero. */
  readonly numbers: Uint8Array;
  /** [rows, blocks] */
  readonly scales: Float32Array;
}

/**
 * Every block of a row rounded to −8…7 of a scale that gives the number of largest magnitude exactly (its sign decides
 * that of the scale). values: [rows, columns]; the last block of a row is filled up with zeros.
 */
export function quantizeInt4(values: Float32Array, rows: number, columns: number): Int4Matrix {
  const blocks = blocksOf(columns);
  const numbers = new Uint8Array((rows * blocks * BLOCK) / 2).fill(0x88);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * BLOCK;
      const end = Math.min(start + BLOCK, (row + 1) * columns);
      let extreme = 0;
      for (let i = start; i < end; i++) {
        if (Math.abs(values[i] as number) > Math.abs(extreme)) extreme = values[i] as number;
      }
      const at = row * blocks + block;
      scales[at] = extreme / -8;
      if (extreme === 0) continue;
      const factor = -8 / extreme;
      for (let i = start; i < end; i++) {
        const number = Math.min(7, Math.round((values[i] as number) * factor)) + 8;
        const place = (at * BLOCK + i - start) >> 1;
        const shift = (i - start) % 2 === 0 ? 0 : 4;
        numbers[place] = ((numbers[place] as number) & (0xf0 >> shift)) | (number << shift);
      }
    }
  }
  return { numbers, scales };
}

/** The float32 values that `quantizeInt4` stands for: [rows, columns]. */
export function dequantizeInt4({ numbers, scales }: Int4Matrix, rows: number, columns: number): Float32Array {
  const blocks = blocksOf(columns);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * blocks + Math.floor(column / BLOCK);
      const byte = numbers[(at * BLOCK + (column % BLOCK)) >> 1] as number;
      const number = column % 2 === 0 ? byte & 15 : byte >> 4;
      values[row * columns + column] = (number - 8) * (scales[at] as number);
    }
  }
  return values;
}
