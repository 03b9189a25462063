// Pictures to patch features through the frozen vision tower. Features of a picture are kept in memory, within a bound,
// because every stage and every evaluation sees the same pictures again.
import { readImage } from '../../formats/image.ts';
import { Scope } from '../../nn/scope.ts';
import { float32 } from '../../tensor/dtype.ts';
import { input } from '../../tensor/ops.ts';
import { floats, Program, type Provider } from '../../tensor/program.ts';
import { type ImageAspect, type ImageTransform, transformImage } from '../clip/processor.ts';
import type { LlavaConfig } from './config.ts';
import { imageFeatures } from './network.ts';
import type { LlavaWeights } from './weights.ts';

export interface ImageEncoderOptions {
  readonly config: LlavaConfig;
  readonly weights: LlavaWeights;
  readonly transform: ImageTransform;
  readonly provider?: Provider;
  /** Bytes of features kept in memory. */
  readonly cacheBytes?: number;
}

/** Pictures per run of the tower; always this many, so that a picture's features do not depend on its neighbours. */
const IMAGES_PER_RUN = 16;

export class ImageEncoder {
  readonly #options: ImageEncoderOptions;
  readonly #program: Program;
  /** By aspect and path, least recently used first. */
  readonly #cache = new Map<string, Float32Array>();
  readonly #capacity: number;

  private constructor(options: ImageEncoderOptions, program: Program) {
    const { config, cacheBytes = 1e9 } = options;
    this.#options = options;
    this.#program = program;
    this.#capacity = Math.max(
      IMAGES_PER_RUN,
      Math.floor(cacheBytes / (4 * config.imageTokens * config.vision.hiddenSize)),
    );
  }

  static async open(options: ImageEncoderOptions): Promise<ImageEncoder> {
    const { config, weights, provider } = options;
    const size = config.vision.imageSize;
    const pixels = input('pixels', 'float32', ['images', 3, size, size]);
    const features = imageFeatures(new Scope(weights.provider()), config, pixels);
    return new ImageEncoder(
      options,
      await Program.compile({ features }, provider === undefined ? {} : { provider }),
    );
  }

  /**
   * Features of picture files, [patches, hidden] each, in the order asked for. By default a picture is padded to a square.
   * @throws DataError naming the picture that does not decode.
   */
  async encode(
    paths: readonly string[],
    { aspect = 'pad' }: { readonly aspect?: ImageAspect } = {},
  ): Promise<Float32Array[]> {
    const keyOf = (path: string) => `${aspect} ${path}`;
    const wanted = new Map<string, Float32Array | undefined>(
      paths.map((path) => [path, this.#cache.get(keyOf(path))]),
    );
    const missing = [...wanted].flatMap(([path, known]) => (known === undefined ? [path] : []));
    for (let start = 0; start < missing.length; start += IMAGES_PER_RUN) {
      const part = missing.slice(start, start + IMAGES_PER_RUN);
      const encoded = await this.#run(part, aspect);
      for (const [i, features] of encoded.entries()) wanted.set(part[i] as string, features);
    }
    for (const [path, features] of wanted) this.#keep(keyOf(path), features as Float32Array);
    return paths.map((path) => wanted.get(path) as Float32Array);
  }

  async dispose(): Promise<void> {
    this.#cache.clear();
    await this.#program.dispose();
  }

  async #run(paths: readonly string[], aspect: ImageAspect): Promise<Float32Array[]> {
    const { config, transform } = this.#options;
    const side = config.vision.imageSize;
    const values = new Float32Array(IMAGES_PER_RUN * 3 * side * side);
    const images = await Promise.all(paths.map((path) => readImage(path)));
    images.forEach((image, i) => {
      values.set(transformImage(image, transform, { aspect }).data, i * 3 * side * side);
    });
    const { features } = await this.#program.run({
      pixels: float32(values, [IMAGES_PER_RUN, 3, side, side]),
    });
    const size = config.imageTokens * config.vision.hiddenSize;
    // Copies, so that one kept picture does not keep its whole run.
    return paths.map((_, i) => floats(features).slice(i * size, (i + 1) * size));
  }

  #keep(key: string, features: Float32Array): void {
    this.#cache.delete(key);
    this.#cache.set(key, features);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > this.#capacity && oldest !== undefined) this.#cache.delete(oldest);
  }
}
