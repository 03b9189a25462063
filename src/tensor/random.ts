// Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011), keyed by (seed, purpose, step).
// There is no hidden state: a resumed run and an uninterrupted one draw the same numbers.

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** One Philox 4x32-10 block: a 128-bit counter and a 64-bit key give four unsigned 32-bit numbers. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  const block = new Uint32Array(4);
  philoxInto(block, 0, ...counter, ...key);
  return [...block] as [number, number, number, number];
}

/** As `philox`, written to `target` from `start` on: nothing is allocated. */
function philoxInto(
  target: Uint32Array,
  start: number,
  x0: number,
  x1: number,
  x2: number,
  x3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0);
    const low0 = Math.imul(MULTIPLIER_0, x0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, x2);
    const low1 = Math.imul(MULTIPLIER_1, x2) >>> 0;
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  target[start] = x0;
  target[start + 1] = x1;
  target[start + 2] = x2;
  target[start + 3] = x3;
}

/** 32-bit FNV-1a of a string's UTF-8 bytes; turns a purpose into half of a key. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash >>> 0;
}

/** A stream of random numbers, addressed by position; drawing moves only this object's cursor. */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #step: readonly [number, number];
  #block = 0;
  #buffer: number[] = [];

  constructor(seed: number, purpose: string, step = 0) {
    this.#key = [seed >>> 0, hashText(purpose)];
    this.#step = [step >>> 0, Math.floor(step / 0x1_0000_0000) >>> 0];
  }

  /** An unsigned 32-bit integer. */
  uint32(): number {
    if (this.#buffer.length === 0) {
      this.#buffer = philox([this.#block++, 0, ...this.#step], this.#key).reverse();
    }
    return this.#buffer.pop() as number;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000;
  }

  /** Uniform integer in [0, bound), without modulo bias. */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound <= 0 || bound > 0x1_0000_0000) {
      throw new RangeError(`random: bound must be an integer in 1..2^32, got ${bound}`);
    }
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)] as T;
  }

  /** A new array in random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [result[i], result[j]] = [result[j] as T, result[i] as T];
    }
    return result;
  }
}

/**
 * The numbers `uint32()` of a stream, `count` of them from the one at `first` (a multiple of 4) on: for arrays so large
 * that drawing one by one would take minutes.
 */
export function randomWords(
  count: number,
  options: { seed: number; purpose: string; step?: number; first?: number },
): Uint32Array {
  const { seed, purpose, step = 0, first = 0 } = options;
  if (first % 4 !== 0) throw new RangeError(`random: ${first} is not the first number of a block`);
  const words = new Uint32Array(Math.ceil(count / 4) * 4);
  const purposeKey = hashText(purpose);
  const [low, high] = [step >>> 0, Math.floor(step / 0x1_0000_0000) >>> 0];
  for (let start = 0; start < words.length; start += 4) {
    philoxInto(words, start, (first + start) / 4, 0, low, high, seed >>> 0, purposeKey);
  }
  return words.subarray(0, count);
}

/** `count` normal numbers with the given standard deviation; a pure function of its arguments. */
export function normalArray(
  count: number,
  options: { seed: number; purpose: string; step?: number; standardDeviation?: number },
): Float32Array {
  const { seed, purpose, step = 0, standardDeviation = 1 } = options;
  const stream = new RandomStream(seed, purpose, step);
  return Float32Array.from({ length: count }, () => stream.normal() * standardDeviation);
}

/** `count` numbers uniform in [low, high); a pure function of its arguments. */
export function uniformArray(
  count: number,
  options: { seed: number; purpose: string; step?: number; low?: number; high?: number },
): Float32Array {
  const { seed, purpose, step = 0, low = 0, high = 1 } = options;
  const stream = new RandomStream(seed, purpose, step);
  return Float32Array.from({ length: count }, () => low + (high - low) * stream.uniform());
}
