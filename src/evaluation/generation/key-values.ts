// Keys and values of some rows of tokens in fixed buffers: what a run returned, or what the next one reads. Rows are
// replaced, nothing grows: in place on the host, by a small program where they stay on a device.
import { float32, int32 } from '../../tensor/dtype.ts';
import { DeviceTensor, floats, Program, type ProgramOptions, type Value } from '../../tensor/program.ts';
import { cacheNames, placeGraph } from './graphs.ts';
import type { CachedShape } from './shapes.ts';

/** `count` tokens of a source's row `from` go to row `to`, to the tokens from `at` on. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly count: number;
}

type Values = Readonly<Record<string, Value>>;

export interface KeyValues {
  readonly rows: number;
  /** Tokens that a row has room for. */
  readonly capacity: number;
  readonly byteLength: number;
  /** As the inputs `past.{k,v}.<layer>` of a program. */
  feeds(): Values;
  /** With `clearAfter`, what follows the tokens moved becomes zero in their rows. */
  copyFrom(
    source: KeyValues,
    moves: readonly Move[],
    options?: { readonly clearAfter?: boolean },
  ): Promise<void>;
  /** One more user; whoever has done with it releases it, and the last one's release gives the memory back. */
  retain(): this;
  release(): void;
}

/** Makes buffers, where the provider keeps them. */
export interface KeyValueStore {
  allocate(rows: number, capacity: number): KeyValues;
  /** The caches that a run added, as they are. */
  wrap(results: Values, rows: number, tokens: number): KeyValues;
  dispose(): Promise<void>;
}

export async function openKeyValueStore(shape: CachedShape, program: ProgramOptions): Promise<KeyValueStore> {
  const { layers, cache } = shape;
  const { heads: kvHeads, headSize } = cache;
  const zeros = (rows: number, capacity: number) =>
    Array.from({ length: 2 * layers }, () => new Float32Array(rows * kvHeads * capacity * headSize));
  const added = (results: Values) => cacheNames(shape, 'added').map((name) => results[name] as Value);
  if ((program.provider ?? 'cpu') === 'cpu') {
    return {
      allocate: (rows, capacity) => new HostKeyValues(shape, rows, capacity, zeros(rows, capacity)),
      wrap: (results, rows, tokens) => new HostKeyValues(shape, rows, tokens, added(results).map(floats)),
      dispose: async () => {},
    };
  }
  const graph = placeGraph(shape);
  const place = await Program.compile(graph, { ...program, keepOnDevice: Object.keys(graph) });
  return {
    allocate: (rows, capacity) => {
      const dims = [rows, kvHeads, capacity, headSize];
      const parts = zeros(rows, capacity).map((data) => float32(data, dims));
      return new DeviceKeyValues(shape, rows, capacity, place, parts);
    },
    wrap: (results, rows, tokens) => new DeviceKeyValues(shape, rows, tokens, place, added(results)),
    dispose: () => place.dispose(),
  };
}

class HostKeyValues implements KeyValues {
  constructor(
    private readonly shape: CachedShape,
    readonly rows: number,
    readonly capacity: number,
    /** Per layer keys, then values: [rows, kvHeads, capacity, headSize]. */
    private readonly parts: readonly Float32Array[],
  ) {}

  get byteLength(): number {
    return this.parts.reduce((total, { byteLength }) => total + byteLength, 0);
  }

  feeds(): Values {
    const { heads: kvHeads, headSize } = this.shape.cache;
    const shape = [this.rows, kvHeads, this.capacity, headSize];
    const names = cacheNames(this.shape, 'past');
    return Object.fromEntries(this.parts.map((data, i) => [names[i] as string, float32(data, shape)]));
  }

  async copyFrom(source: KeyValues, moves: readonly Move[], { clearAfter = false } = {}): Promise<void> {
    const { heads: kvHeads, headSize } = this.shape.cache;
    const { parts, capacity } = source as HostKeyValues;
    this.parts.forEach((target, part) => {
      const values = parts[part] as Float32Array;
      for (const { from, to, at, count } of moves) {
        for (let head = 0; head < kvHeads; head++) {
          const start = (from * kvHeads + head) * capacity * headSize;
          const row = (to * kvHeads + head) * this.capacity;
          target.set(values.subarray(start, start + count * headSize), (row + at) * headSize);
          if (clearAfter) target.fill(0, (row + at + count) * headSize, (row + this.capacity) * headSize);
        }
      }
    });
  }

  retain(): this {
    return this;
  }

  release(): void {}
}

class DeviceKeyValues implements KeyValues {
  #parts: readonly Value[];
  #users = 1;

  constructor(
    private readonly shape: CachedShape,
    readonly rows: number,
    readonly capacity: number,
    private readonly place: Program,
    parts: readonly Value[],
  ) {
    this.#parts = parts;
  }

  get byteLength(): number {
    const { layers, cache } = this.shape;
    const { heads: kvHeads, headSize } = cache;
    return 4 * 2 * layers * this.rows * kvHeads * this.capacity * headSize;
  }

  feeds(): Values {
    return this.#named('past');
  }

  async copyFrom(source: KeyValues, moves: readonly Move[], { clearAfter = false } = {}): Promise<void> {
    if (moves.length === 0) return;
    const { capacity } = this;
    const { heads: kvHeads } = this.shape.cache;
    const places = new Int32Array(this.rows * capacity).fill(KEPT);
    for (const { from, to, at, count } of moves) {
      const row = to * capacity;
      for (let i = 0; i < count; i++) places[row + at + i] = from * kvHeads * source.capacity + i;
      if (clearAfter) places.fill(CLEARED, row + at + count, row + capacity);
    }
    const placed = await this.place.run({
      ...this.feeds(),
      ...(source as DeviceKeyValues).#named('added'),
      places: int32(places, [this.rows, capacity]),
      sourceTokens: int32([source.capacity], [1]),
    });
    this.#dispose();
    this.#parts = cacheNames(this.shape, 'placed').map((name) => placed[name] as Value);
  }

  retain(): this {
    this.#users++;
    return this;
  }

  release(): void {
    if (--this.#users === 0) this.#dispose();
  }

  #named(kind: 'past' | 'added'): Values {
    const names = cacheNames(this.shape, kind);
    return Object.fromEntries(this.#parts.map((part, i) => [names[i] as string, part]));
  }

  #dispose(): void {
    for (const part of this.#parts) if (part instanceof DeviceTensor) part.dispose();
  }
}

/** In `places`: a token that stays, and one that becomes zero. */
const KEPT = -1;
const CLEARED = -2;
