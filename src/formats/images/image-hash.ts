// A perceptual hash of images: the same for an image that was scaled or compressed anew, another for other images.
// 128 bits: whether brightness rises to the right and downward, on a grid of 8 x 8 (difference hash; N. Krawetz 2013).
import type { RgbImage } from './image.ts';
import { resizeImage } from './resize.ts';

const side = 8;
const bands = 8;
/** Steps of brightness (of 255) below this are no step: compression makes such in even areas. */
const leastStep = 3;
/** A hash with fewer bits set says too little: nearly even images all look alike. */
const leastBits = 24;

/**
 * Hashes that differ in at most this many of 128 bits are called near-duplicates. Of two hashes that differ in fewer
 * bits than there are bands, one band is the same, so comparing within equal bands misses none.
 */
export const nearDuplicateBits = bands - 1;

/** Eight bands of 16 bits. */
export type ImageHash = Uint16Array;

/** Undefined where the image is too even to say anything. */
export function hashImage(image: RgbImage): ImageHash | undefined {
  const small = resizeImage(image, { width: side + 1, height: side + 1, filter: 'bilinear' });
  const brightness = (row: number, column: number) => {
    const at = 3 * (row * (side + 1) + column);
    const [red = 0, green = 0, blue = 0] = small.data.subarray(at, at + 3);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  };
  const hash = new Uint16Array(bands);
  let bits = 0;
  const put = (position: number, step: number) => {
    if (step < leastStep) return;
    const band = position >> 4;
    hash[band] = (hash[band] ?? 0) | (1 << (position & 15));
    bits++;
  };
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const here = brightness(row, column);
      put(row * side + column, brightness(row, column + 1) - here);
      put(side * side + row * side + column, brightness(row + 1, column) - here);
    }
  }
  return bits < leastBits ? undefined : hash;
}

/** In how many bits two hashes differ. */
export function hashDistance(first: ImageHash, second: ImageHash): number {
  let distance = 0;
  for (let band = 0; band < bands; band++) {
    for (let rest = (first[band] ?? 0) ^ (second[band] ?? 0); rest !== 0; rest &= rest - 1) distance++;
  }
  return distance;
}

/** As 32 hexadecimal digits, and back; undefined when the text is none. */
export function formatHash(hash: ImageHash): string {
  return [...hash].map((band) => band.toString(16).padStart(4, '0')).join('');
}

export function parseHash(text: string): ImageHash | undefined {
  if (!/^[0-9a-f]{32}$/i.test(text)) return undefined;
  return Uint16Array.from({ length: bands }, (_, band) =>
    Number.parseInt(text.slice(4 * band, 4 * band + 4), 16),
  );
}

/** Finds near-duplicates among many images without comparing each with each. */
export class ImageHashIndex<T> {
  readonly #entries: { readonly hash: ImageHash; readonly label: T }[] = [];
  /** By band and its bits: the entries that have them. */
  readonly #buckets = new Map<number, number[]>();

  add(hash: ImageHash, label: T): void {
    const entry = this.#entries.push({ hash, label }) - 1;
    for (const key of bandKeys(hash)) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) this.#buckets.set(key, [entry]);
      else bucket.push(entry);
    }
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The nearest of the near-duplicates; the first added of equally near ones. */
  nearest(hash: ImageHash): { readonly label: T; readonly distance: number } | undefined {
    const candidates = new Set(bandKeys(hash).flatMap((key) => this.#buckets.get(key) ?? []));
    let best: { label: T; distance: number; entry: number } | undefined;
    for (const entry of candidates) {
      const known = this.#entries[entry];
      if (known === undefined) continue;
      const distance = hashDistance(known.hash, hash);
      if (distance > nearDuplicateBits) continue;
      if (
        best === undefined ||
        distance < best.distance ||
        (distance === best.distance && entry < best.entry)
      ) {
        best = { label: known.label, distance, entry };
      }
    }
    return best && { label: best.label, distance: best.distance };
  }
}

function bandKeys(hash: ImageHash): readonly number[] {
  return Array.from(hash, (bits, band) => band * 0x10000 + bits);
}
