// Images to patch features through the frozen vision tower, each once: features are kept in memory, as every stage and
// every evaluation sees the same images again, and on disk for the next run. A tower that trains is never cached.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { cpus } from 'node:os';
import { DiskCache, type DiskCacheOptions } from '../../formats/files/disk-cache.ts';
import { sha256 } from '../../formats/files/files.ts';
import { RecentlyUsed } from '../../formats/files/recently-used.ts';
import { decodeImage, imageDecoder, readImageBytes } from '../../formats/images/image.ts';
import { Scope } from '../../nn/scope.ts';
import { float32 } from '../../tensor/dtype.ts';
import { input } from '../../tensor/ops.ts';
import { floats, Program, type ProgramOptions, runtimeVersion } from '../../tensor/program.ts';
import { type ImageAspect, type ImageTransform, transformImage } from '../parts/clip/processor.ts';
import type { LlavaConfig } from './config.ts';
import { imageFeatures } from './network.ts';
import { type LlavaWeights, VISION_TOWER } from './weights.ts';

export interface ImageEncoderOptions {
  readonly config: LlavaConfig;
  readonly weights: LlavaWeights;
  readonly transform: ImageTransform;
  readonly program?: Pick<ProgramOptions, 'provider' | 'threads'>;
  /** Bytes of features kept in memory. */
  readonly memoryBytes?: number;
  /** Where features are kept for other runs; without it they are not. */
  readonly disk?: DiskCacheOptions;
  /** Features of a tower that trains change with every step: they are computed whenever they are asked for. */
  readonly tower?: 'frozen' | 'trained';
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

/** Images per run of the tower; always this many, so that an image's features do not depend on its neighbours. */
const IMAGES_PER_RUN = 16;
/** Changes when features come to be computed otherwise from the same bytes. */
const FEATURES_VERSION = 1;

interface KnownFile {
  readonly size: number;
  readonly mtimeMs: number;
  readonly key: string;
}

export class ImageEncoder {
  readonly #options: ImageEncoderOptions;
  readonly #program: Program;
  readonly #disk: DiskCache | undefined;
  /** By key, as are the features on disk. */
  readonly #memory: RecentlyUsed<Float32Array>;
  readonly #files = new Map<string, KnownFile>();
  #settings: string | undefined;
  #counts = { computed: 0, fromMemory: 0, fromDisk: 0, memoryBytes: 0 };

  private constructor(options: ImageEncoderOptions, program: Program) {
    const { memoryBytes = 1e9, disk, tower = 'frozen' } = options;
    this.#options = options;
    this.#program = program;
    this.#disk = disk === undefined ? undefined : new DiskCache(disk);
    this.#memory = new RecentlyUsed(tower === 'trained' ? 0 : memoryBytes);
  }

  /** @throws RangeError when features of a tower that trains are to be kept on disk. */
  static async open(options: ImageEncoderOptions): Promise<ImageEncoder> {
    const { config, weights, program = {}, tower, disk } = options;
    if (tower === 'trained' && disk !== undefined) {
      throw new RangeError('encoder: features of a vision tower that trains cannot be kept');
    }
    const size = config.vision.imageSize;
    const pixels = input('pixels', 'float32', ['images', 3, size, size]);
    const features = imageFeatures(new Scope(weights.provider()), config, pixels);
    return new ImageEncoder(options, await Program.compile({ features }, program));
  }

  get counts(): FeatureCounts {
    return { ...this.#counts, writtenBytes: this.#disk?.writtenBytes ?? 0 };
  }

  /**
   * Features of image files, [patches, hidden] each, in the order asked for. By default an image is padded to a square.
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
    for (let start = 0; start < entries.length; start += IMAGES_PER_RUN) {
      const part = entries.slice(start, start + IMAGES_PER_RUN);
      const computed = await this.#run(
        part.map(([, path]) => path),
        aspect,
      );
      part.forEach(([key], i) => {
        const features = computed[i] as Float32Array;
        found.set(key, features);
        this.#disk?.set(key, new Uint8Array(features.buffer, features.byteOffset, features.byteLength));
      });
    }
    if (this.#options.tower !== 'trained') {
      for (const [key, features] of found) this.#memory.set(key, features);
      this.#counts.memoryBytes = Math.max(this.#counts.memoryBytes, this.#memory.bytes);
    }
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
    const { imageTokens, vision } = this.#options.config;
    if (bytes?.byteLength !== 4 * imageTokens * vision.hiddenSize) return undefined;
    this.#counts.fromDisk++;
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }

  async #run(paths: readonly string[], aspect: ImageAspect): Promise<Float32Array[]> {
    const { config, transform } = this.#options;
    const side = config.vision.imageSize;
    const values = new Float32Array(IMAGES_PER_RUN * 3 * side * side);
    const images = await Promise.all(paths.map((path) => decodeImage(readImageBytes(path), path)));
    images.forEach((image, i) => {
      values.set(transformImage(image, transform, { aspect }).data, i * 3 * side * side);
    });
    const { features } = await this.#program.run({
      pixels: float32(values, [IMAGES_PER_RUN, 3, side, side]),
    });
    this.#counts.computed += paths.length;
    const size = config.imageTokens * config.vision.hiddenSize;
    // Copies, so that one kept image does not keep its whole run.
    return paths.map((_, i) => floats(features).slice(i * size, (i + 1) * size));
  }

  /** SHA-256 of all that an image's features follow from. A file of known size and time is not read again. */
  #keyOf(path: string, aspect: ImageAspect): string {
    const stats = statSync(path, { throwIfNoEntry: false });
    const name = `${aspect} ${path}`;
    const known = this.#files.get(name);
    const isSame = known?.size === stats?.size && known?.mtimeMs === stats?.mtimeMs;
    if (known !== undefined && isSame) return known.key;
    this.#settings ??= this.#describeSettings();
    const key = createHash('sha256')
      .update(`${this.#settings} ${aspect} `)
      .update(readImageBytes(path))
      .digest('hex');
    if (stats !== undefined) this.#files.set(name, { size: stats.size, mtimeMs: stats.mtimeMs, key });
    return key;
  }

  /** The tower, the transform, and where they are computed: another runtime or processor may round differently. */
  #describeSettings(): string {
    const { config, weights, transform, program: { provider = 'cpu' } = {} } = this.#options;
    return sha256(
      JSON.stringify({
        version: FEATURES_VERSION,
        tower: weights.hash(VISION_TOWER),
        vision: config.vision,
        featureLayer: config.featureLayer,
        skippedTokens: config.skippedTokens,
        transform,
        provider,
        imagesPerRun: IMAGES_PER_RUN,
        decoder: imageDecoder,
        runtime: runtimeVersion,
        processor: `${process.arch} ${cpus()[0]?.model ?? ''}`,
      }),
    );
  }
}
