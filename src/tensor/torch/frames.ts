// Messages of the pipe to PyTorch: a header of JSON and the bytes of tensors behind it, each with its length in front, as
// `python/coin_torch/frames.py` reads and writes them. Nothing else ever crosses.

export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly buffers: readonly Uint8Array[];
}

const PREFIX = 4;

/** The parts of a message, to be written one after another. */
export function encodeFrame(
  header: Readonly<Record<string, unknown>>,
  buffers: readonly Uint8Array[] = [],
): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify({ ...header, bytes: buffers.map(({ byteLength }) => byteLength) }));
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32LE(text.byteLength);
  return [prefix, text, ...buffers.filter(({ byteLength }) => byteLength > 0)];
}

/** Puts messages together from the parts in which they arrive. Buffers are aligned copies of their own. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #available = 0;
  #header: { readonly value: Frame['header']; readonly sizes: readonly number[] } | undefined;
  readonly #buffers: Uint8Array[] = [];

  /** The messages that are whole now. */
  push(part: Uint8Array): readonly Frame[] {
    this.#parts.push(part);
    this.#available += part.byteLength;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#header === undefined) {
      if (this.#available < PREFIX) return undefined;
      const prefix = this.#take(PREFIX);
      const length = new DataView(prefix.buffer).getUint32(0, true);
      if (this.#available < length) {
        this.#putBack(prefix);
        return undefined;
      }
      const value = JSON.parse(Buffer.from(this.#take(length)).toString('utf8')) as Frame['header'];
      this.#header = { value, sizes: (value.bytes as readonly number[] | undefined) ?? [] };
    }
    const { value, sizes } = this.#header;
    for (let size = sizes[this.#buffers.length]; size !== undefined; size = sizes[this.#buffers.length]) {
      if (this.#available < size) return undefined;
      this.#buffers.push(this.#take(size));
    }
    this.#header = undefined;
    return { header: value, buffers: this.#buffers.splice(0) };
  }

  #take(count: number): Uint8Array {
    const taken = new Uint8Array(count);
    let filled = 0;
    let used = 0;
    while (filled < count) {
      const part = this.#parts[used] as Uint8Array;
      const wanted = part.subarray(0, count - filled);
      taken.set(wanted, filled);
      filled += wanted.byteLength;
      if (wanted.byteLength === part.byteLength) used++;
      else this.#parts[used] = part.subarray(wanted.byteLength);
    }
    this.#parts.splice(0, used);
    this.#available -= count;
    return taken;
  }

  #putBack(part: Uint8Array): void {
    this.#parts.unshift(part);
    this.#available += part.byteLength;
  }
}
