// Images to features, each once: features are kept in memory, as every stage and every evaluation sees the same images
// again, and on disk for the next run. How an image is read and computed is its model's family's.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { present } from '../base/errors.ts';
import { DiskCache, type DiskCacheOptions } from '../formats/files/disk-cache.ts';
import { RecentlyUsed } from '../formats/files/recently-used.ts';
import { readImageBytes } from '../formats/images/image.ts';
import type { ImageAspect } from '../tasks/task.ts';
import type { ImageProgram, ImageProgramOptions, OpenModel } from './family.ts';

export interface ImageEncoderOptions {
  readonly model: Pick<OpenModel, 'images' | 'shape'>;
  readonly program?: ImageProgramOptions;
  /** Bytes of features kept in memory. */
  readonly memoryBytes?: number;
  /** Where features are kept for other runs; without it they are not. */
  readonly disk?: DiskCacheOptions | undefined;
}

/** Images by where their features came from. */
export interface FeatureCounts {
  readonly computed: number;
  readonly fromMemory: number;
  readonly fromDisk: number;
  /** Most bytes that were kept in memory at a time. */
  readonly memoryBytes: number;
  /** Bytes put into the cache on disk. */
  readonly writtenBytes: number;
}

interface KnownFile {
  readonly size: number;
  readonly mtimeMs: number;
  readonly key: string;
}

/** Images computed between two looks at what is kept. */
const IMAGES_TOGETHER = 16;

export class ImageEncoder {
  readonly #options: ImageEncoderOptions;
  readonly #program: ImageProgram;
  readonly #disk: DiskCache | undefined;
  /** By key, as are the features on disk. */
  readonly #memory: RecentlyUsed<Float32Array>;
  readonly #files = new Map<string, KnownFile>();
  #identity: string | undefined;
  #counts = { computed: 0, fromMemory: 0, fromDisk: 0, memoryBytes: 0 };

  private constructor(options: ImageEncoderOptions, program: ImageProgram) {
    const { memoryBytes = 1e9, disk } = options;
    this.#options = options;
    this.#program = program;
    this.#disk = disk === undefined ? undefined : new DiskCache(disk);
    this.#memory = new RecentlyUsed(memoryBytes);
  }

  static async open(options: ImageEncoderOptions): Promise<ImageEncoder> {
    const { model, program = {} } = options;
    return new ImageEncoder(options, await model.images.compile(program));
  }

  get counts(): FeatureCounts {
    return { ...this.#counts, writtenBytes: this.#disk?.writtenBytes ?? 0 };
  }

  /**
   * Features of image files, [rows, featureSize] each, in the order asked for. By default an image is padded to a square,
   * where its family shows it in one.
   * @throws DataError naming the image that does not decode.
   */
  async encode(
    paths: readonly string[],
    { aspect = 'pad' }: { readonly aspect?: ImageAspect } = {},
  ): Promise<Float32Array[]> {
    const keys = paths.map((path) => this.#keyOf(path, aspect));
    const found = new Map<string, Float32Array>();
    const missing = new Map<string, string>();
    keys.forEach((key, i) => {
      if (found.has(key) || missing.has(key)) return;
      const known = this.#find(key);
      if (known === undefined) missing.set(key, paths[i] as string);
      else found.set(key, known);
    });
    const entries = [...missing];
    for (let start = 0; start < entries.length; start += IMAGES_TOGETHER) {
      const part = entries.slice(start, start + IMAGES_TOGETHER);
      const computed = await this.#program.features(
        part.map(([, path]) => path),
        aspect,
      );
      this.#counts.computed += part.length;
      part.forEach(([key], i) => {
        const features = present(computed[i], `the features of image ${i}`);
        found.set(key, features);
        this.#disk?.set(key, new Uint8Array(features.buffer, features.byteOffset, features.byteLength));
      });
    }
    for (const [key, features] of found) this.#memory.set(key, features);
    this.#counts.memoryBytes = Math.max(this.#counts.memoryBytes, this.#memory.bytes);
    return keys.map((key) => found.get(key) as Float32Array);
  }

  async dispose(): Promise<void> {
    this.#memory.clear();
    await this.#program.dispose();
  }

  #find(key: string): Float32Array | undefined {
    const inMemory = this.#memory.get(key);
    if (inMemory !== undefined) {
      this.#counts.fromMemory++;
      return inMemory;
    }
    const bytes = this.#disk?.get(key);
    const rowBytes = Float32Array.BYTES_PER_ELEMENT * this.#options.model.shape.featureSize;
    if (bytes === undefined || bytes.byteLength === 0 || bytes.byteLength % rowBytes !== 0) return undefined;
    this.#counts.fromDisk++;
    return new Float32Array(
      bytes.buffer,
      bytes.byteOffset,
      bytes.byteLength / Float32Array.BYTES_PER_ELEMENT,
    );
  }

  /** SHA-256 of all that an image's features follow from. A file of known size and time is not read again. */
  #keyOf(path: string, aspect: ImageAspect): string {
    const stats = statSync(path, { throwIfNoEntry: false });
    const name = `${aspect} ${path}`;
    const known = this.#files.get(name);
    const isSame = known?.size === stats?.size && known?.mtimeMs === stats?.mtimeMs;
    if (known !== undefined && isSame) return known.key;
    const { model, program = {} } = this.#options;
    this.#identity ??= model.images.identity(program);
    const key = createHash('sha256')
      .update(`${this.#identity} ${aspect} `)
      .update(readImageBytes(path))
      .digest('hex');
    if (stats !== undefined) this.#files.set(name, { size: stats.size, mtimeMs: stats.mtimeMs, key });
    return key;
  }
}
