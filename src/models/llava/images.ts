// LLaVA's images: each padded to a square (or its centre cut out), through the frozen vision tower to patch features.
// Keeping features is ../image-encoder.ts.
import { cpus } from 'node:os';
import { sha256 } from '../../formats/files/files.ts';
import { decodeImage, imageDecoder, readImageBytes } from '../../formats/images/image.ts';
import { Scope } from '../../nn/scope.ts';
import type { ImageAspect } from '../../tasks/task.ts';
import { float32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { input } from '../../tensor/ops.ts';
import { floats, Program, runtimeVersion } from '../../tensor/program.ts';
import type { ImageProgram, ImageProgramOptions, ModelImages } from '../family.ts';
import { type ImageTransform, transformImage } from '../parts/clip/processor.ts';
import type { LlavaConfig } from './config.ts';
import { imageFeatures } from './network.ts';
import { type LlavaWeights, VISION_TOWER } from './weights.ts';

export interface LlavaImagesOptions {
  readonly config: LlavaConfig;
  readonly weights: LlavaWeights;
  readonly transform: ImageTransform;
}

/** Images per run of the tower; always this many, so that an image's features do not depend on its neighbours. */
const IMAGES_PER_RUN = 16;
/** Changes when features come to be computed otherwise from the same bytes. */
const FEATURES_VERSION = 1;

/** What is known of images without their transform. */
export function outlinedImages({ config, weights }: Pick<LlavaImagesOptions, 'config' | 'weights'>) {
  return {
    trace: (): Readonly<Record<'features', Tensor>> => {
      const size = config.vision.imageSize;
      const pixels = input('pixels', 'float32', ['images', 3, size, size]);
      return { features: imageFeatures(new Scope(weights.provider()), config, pixels) };
    },
    layouts: async (files) => files.map(() => ({ rows: config.imageTokens })),
  } satisfies Partial<ModelImages>;
}

export function llavaImages(options: LlavaImagesOptions): ModelImages {
  const { config, weights, transform } = options;
  const outlined = outlinedImages(options);
  return {
    ...outlined,
    /** The tower, the transform, and where they are computed: another runtime or processor may round differently. */
    identity: ({ provider = 'cpu' }: ImageProgramOptions) =>
      sha256(
        JSON.stringify({
          version: FEATURES_VERSION,
          tower: weights.hash(VISION_TOWER),
          vision: config.vision,
          featureLayer: config.featureLayer,
          skippedTokens: config.skippedTokens,
          transform,
          provider,
          imagesPerRun: IMAGES_PER_RUN,
          decoder: imageDecoder(),
          runtime: runtimeVersion(),
          processor: `${process.arch} ${cpus()[0]?.model ?? ''}`,
        }),
      ),
    compile: async (program) => new TowerProgram(options, await Program.compile(outlined.trace(), program)),
  };
}

class TowerProgram implements ImageProgram {
  constructor(
    private readonly options: LlavaImagesOptions,
    private readonly program: Program,
  ) {}

  async features(files: readonly string[], aspect: ImageAspect): Promise<readonly Float32Array[]> {
    const all: Float32Array[] = [];
    for (let start = 0; start < files.length; start += IMAGES_PER_RUN) {
      all.push(...(await this.#run(files.slice(start, start + IMAGES_PER_RUN), aspect)));
    }
    return all;
  }

  async dispose(): Promise<void> {
    await this.program.dispose();
  }

  async #run(paths: readonly string[], aspect: ImageAspect): Promise<Float32Array[]> {
    const { config, transform } = this.options;
    const side = config.vision.imageSize;
    const values = new Float32Array(IMAGES_PER_RUN * 3 * side * side);
    const images = await Promise.all(paths.map((path) => decodeImage(readImageBytes(path), path)));
    images.forEach((image, i) => {
      values.set(transformImage(image, transform, { aspect }).data, i * 3 * side * side);
    });
    const { features } = await this.program.run({
      pixels: float32(values, [IMAGES_PER_RUN, 3, side, side]),
    });
    const size = config.imageTokens * config.vision.hiddenSize;
    // Copies, so that one kept image does not keep its whole run.
    return paths.map((_, i) => floats(features).slice(i * size, (i + 1) * size));
  }
}
