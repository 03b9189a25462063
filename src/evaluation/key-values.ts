// Keys and values of some rows of tokens in fixed buffers on the host: what a run returned, or what the next one reads.
// Rows are replaced in place; nothing grows. Counts its users, so that whoever is last gives the memory back.
import type { LlavaConfig } from '../models/llava/config.ts';
import { float32 } from '../tensor/dtype.ts';
import { floats, type Value } from '../tensor/program.ts';
import { cacheNames } from './graphs.ts';

/** `count` tokens of a source's row `from` go to row `to`, to the tokens from `at` on. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly count: number;
}

type Values = Readonly<Record<string, Value>>;

export class KeyValues {
  private constructor(
    readonly rows: number,
    /** Tokens that a row has room for. */
    readonly capacity: number,
    private readonly config: LlavaConfig,
    /** Per layer keys, then values: [rows, kvHeads, capacity, headSize]. */
    private readonly parts: readonly Float32Array[],
  ) {}

  static allocate(config: LlavaConfig, rows: number, capacity: number): KeyValues {
    const { layers, kvHeads, headSize } = config.text;
    const size = rows * kvHeads * capacity * headSize;
    const parts = Array.from({ length: 2 * layers }, () => new Float32Array(size));
    return new KeyValues(rows, capacity, config, parts);
  }

  /** The caches that a run added, as they are. */
  static of(config: LlavaConfig, results: Values, rows: number, tokens: number): KeyValues {
    const parts = cacheNames(config, 'added').map((name) => floats(results[name]));
    return new KeyValues(rows, tokens, config, parts);
  }

  get byteLength(): number {
    return this.parts.reduce((total, { byteLength }) => total + byteLength, 0);
  }

  feeds(): Values {
    const { kvHeads, headSize } = this.config.text;
    const shape = [this.rows, kvHeads, this.capacity, headSize];
    const names = cacheNames(this.config, 'past');
    return Object.fromEntries(this.parts.map((data, i) => [names[i] as string, float32(data, shape)]));
  }

  /** Zeroes the tokens of a row from `from` on. */
  clear(row: number, from: number): void {
    const { kvHeads, headSize } = this.config.text;
    for (const part of this.parts) {
      for (let head = 0; head < kvHeads; head++) {
        const start = (row * kvHeads + head) * this.capacity;
        part.fill(0, (start + from) * headSize, (start + this.capacity) * headSize);
      }
    }
  }

  copyFrom(source: KeyValues, moves: readonly Move[]): void {
    const { kvHeads, headSize } = this.config.text;
    this.parts.forEach((target, part) => {
      const values = source.parts[part] as Float32Array;
      for (const { from, to, at, count } of moves) {
        for (let head = 0; head < kvHeads; head++) {
          const start = (from * kvHeads + head) * source.capacity * headSize;
          const place = ((to * kvHeads + head) * this.capacity + at) * headSize;
          target.set(values.subarray(start, start + count * headSize), place);
        }
      }
    });
  }
}
