// A map that holds at most so many bytes and lets go of what was used longest ago. Keeps the newest value whatever its size.
export class RecentlyUsed<V extends { readonly byteLength: number }> {
  readonly #values = new Map<string, V>();
  #bytes = 0;

  /** `release` is told of every value that is let go. */
  constructor(
    readonly capacityBytes: number,
    private readonly release: (value: V) => void = () => {},
  ) {}

  get size(): number {
    return this.#values.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.delete(key);
    this.#values.set(key, value);
    this.#bytes += value.byteLength;
    for (const oldest of this.#values.keys()) {
      if (this.#bytes <= this.capacityBytes || oldest === key) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#bytes -= value.byteLength;
    this.release(value);
  }

  clear(): void {
    for (const key of [...this.#values.keys()]) this.delete(key);
  }
}
