// Patch features of pretraining images from a tower that has been trained already.
import type { LlavaConfig } from '../../models/llava/config.ts';
import { imageFeatures } from '../../models/llava/network.ts';
import { Scope } from '../../nn/scope.ts';
import type { HostTensor } from '../../tensor/dtype.ts';
import { input } from '../../tensor/ops.ts';
import { Program } from '../../tensor/program.ts';
import { NANO_IMAGE } from './nano-config.ts';
import { type ImageSample, pixelFeed } from './tower.ts';

export class FeatureExtractor {
  private constructor(
    private readonly program: Program,
    private readonly weights: Readonly<Record<string, HostTensor>>,
  ) {}

  static async open(
    config: LlavaConfig,
    weights: Readonly<Record<string, HostTensor>>,
  ): Promise<FeatureExtractor> {
    const root = new Scope((name, shape) => input(name, 'float32', shape));
    const pixels = input('pixels', 'float32', ['images', 3, NANO_IMAGE.size, NANO_IMAGE.size]);
    const program = await Program.compile({ features: imageFeatures(root, config, pixels) });
    return new FeatureExtractor(program, weights);
  }

  /** [images, patches, visionHidden] */
  async features(samples: readonly ImageSample[]): Promise<HostTensor> {
    const { features } = await this.program.runOnHost({ pixels: pixelFeed(samples), ...this.weights });
    return features as HostTensor;
  }

  async dispose(): Promise<void> {
    await this.program.dispose();
  }
}
