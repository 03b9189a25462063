// 16-bit floats to 32-bit floats and back: IEEE 754 binary16 (F16) and bfloat16 (BF16).
// Works on bit patterns in whole arrays; knows nothing of files.

const floatScratch = new Float32Array(1);
const bitScratch = new Uint32Array(floatScratch.buffer);

let halfTable: Uint32Array | undefined;

/** Float32 bit patterns of all 65536 half patterns, made at first use (256 KiB). */
function halfToFloatTable(): Uint32Array {
  if (halfTable === undefined) {
    halfTable = new Uint32Array(0x10000);
    for (let half = 0; half < 0x10000; half++) halfTable[half] = expandHalf(half);
  }
  return halfTable;
}

function expandHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  // Zero and subnormals: fraction · 2^-24, exact in float32.
  floatScratch[0] = fraction * 2 ** -24;
  return (sign | (bitScratch[0] ?? 0)) >>> 0;
}

/** Float32 bits to half bits, round to nearest, ties to even. NaN stays NaN (quiet), overflow is infinite. */
function roundToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  // 65520 and above lie nearer to 2^16 than to 65504, the largest finite half.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // At most 2^-25: the tie between zero and the smallest subnormal goes to zero, the even one.
  if (magnitude <= 0x33000000) return sign;
  // Subnormal result in units of 2^-24; a carry out of ten bits gives the smallest normal, as it should.
  const shift = 126 - (magnitude >>> 23);
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const odd = (significand >>> shift) & 1;
  return sign | ((significand + (1 << (shift - 1)) - 1 + odd) >>> shift);
}

/** Float32 bits to bfloat16 bits, round to nearest, ties to even. NaN stays NaN (quiet). */
function roundToBfloat(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** F16 bit patterns to float32 values (exact). */
export function float16ToFloat32(halves: Uint16Array): Float32Array {
  const table = halfToFloatTable();
  const values = new Float32Array(halves.length);
  const bits = bitsOf(values);
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i] as number] as number;
  return values;
}

/** Float32 values to F16 bit patterns; round to nearest even, |x| ≥ 65520 becomes infinite. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) halves[i] = roundToHalf(bits[i] as number);
  return halves;
}

/** BF16 bit patterns to float32 values (exact). */
export function bfloat16ToFloat32(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bits = bitsOf(values);
  for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] as number) << 16;
  return values;
}

/** Float32 values to BF16 bit patterns; round to nearest even. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) halves[i] = roundToBfloat(bits[i] as number);
  return halves;
}
