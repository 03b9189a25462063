// Stage 1 of pretraining: the vision tower alone, taught densely what covers every patch and where that thing ends.
// The boxes matter: a tower that is only taught what covers a patch throws positions away (docs/nano-model.md).

import type { LlavaConfig } from '../../models/llava/config.ts';
import { imageFeatures } from '../../models/llava/network.ts';
import { linear } from '../../nn/layers.ts';
import { crossEntropy } from '../../nn/loss.ts';
import { learningRateFactor } from '../../nn/schedule.ts';
import { Scope } from '../../nn/scope.ts';
import { float32, type HostTensor, int32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, argmax, flatten, input, mul, sqrt, square, sub, sum } from '../../tensor/ops.ts';
import { Program, type Value } from '../../tensor/program.ts';
import { Learner, type LearnerState } from '../../training/learner.ts';
import { type PretrainingSample, pretrainingSample } from '../world/pretraining.ts';
import type { World } from '../world/world.ts';
import { FreshParameters } from './fresh-parameters.ts';
import { NANO_IMAGE, normalisePixels } from './nano-config.ts';

export type ImageSample = PretrainingSample & { readonly pixels: Uint8Array };

export interface StageOptions {
  readonly world: World;
  readonly config: LlavaConfig;
  readonly seed: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** A state to continue from, and where states go. */
  readonly resume?: LearnerState;
  readonly checkpointEvery?: number;
  readonly onCheckpoint?: (state: LearnerState) => void;
  /** Called after every step. */
  readonly onStep?: (progress: {
    readonly step: number;
    readonly steps: number;
    readonly loss: number;
  }) => void;
}

export interface TowerResult {
  readonly weights: Readonly<Record<string, HostTensor>>;
  /** Share of non-background patches of unseen images whose class is named rightly, and mean box error (fractions). */
  readonly patchAccuracy: number;
  readonly boxError: number;
}

const PIXELS = 3 * NANO_IMAGE.size ** 2;

export async function pretrainTower(options: StageOptions): Promise<TowerResult> {
  const {
    world,
    config,
    seed,
    steps,
    batchSize,
    learningRate,
    checkpointEvery = Number.POSITIVE_INFINITY,
  } = options;
  const graph = towerGraph(config, world.classNames.length, new FreshParameters(seed));
  const learner = await Learner.compile({
    loss: graph.loss,
    parameters: graph.parameters.all,
    optimizer: { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.02, clipNorm: 1 },
  });
  const schedule = { name: 'cosine', steps, warmupSteps: Math.min(200, Math.ceil(steps / 10)) } as const;
  if (options.resume !== undefined) learner.restore(options.resume);
  for (let step = learner.step; step < steps; step++) {
    const samples = imageSamples(world, seed, step * batchSize, batchSize);
    const loss = await learner.accumulate(denseFeeds(samples, config));
    await learner.apply({ all: learningRate * learningRateFactor(schedule, step) });
    options.onStep?.({ step: step + 1, steps, loss });
    if ((step + 1) % checkpointEvery === 0 && step + 1 < steps) options.onCheckpoint?.(await learner.state());
  }
  const { parameters } = await learner.state();
  const result = await evaluateTower(options, learner.parameters);
  await learner.dispose();
  const weights = Object.fromEntries(
    Object.entries(parameters).filter(([name]) => !name.startsWith('heads.')),
  );
  return { weights, ...result };
}

interface TowerGraph {
  readonly parameters: FreshParameters;
  readonly logits: Tensor;
  readonly boxes: Tensor;
  readonly loss: Tensor;
}

function towerGraph(config: LlavaConfig, classes: number, parameters: FreshParameters): TowerGraph {
  const root = new Scope(parameters.provider);
  const pixels = input('pixels', 'float32', ['images', 3, NANO_IMAGE.size, NANO_IMAGE.size]);
  const features = flatten(imageFeatures(root, config, pixels), 2); // [images·patches, hidden]
  const patches = features.dim(0);
  const logits = linear(root.child('heads.class'), features, { outputs: classes, bias: true });
  const boxes = linear(root.child('heads.box'), features, { outputs: 4, bias: true });
  const classLoss = crossEntropy(
    logits,
    input('labels', 'int32', [patches]),
    input('weights', 'float32', [patches]),
  );
  // A smooth |difference|, so that the gradient is bounded and defined at zero.
  const difference = sqrt(add(square(sub(boxes, input('boxes', 'float32', [patches, 4]))), 1e-4));
  const boxLoss = sum(mul(difference, input('boxWeights', 'float32', [patches, 1])));
  return { parameters, logits, boxes, loss: add(classLoss, boxLoss) };
}

/** Samples of the pretraining stream from `start` on; a text-only one is replaced by a scene. */
export function imageSamples(world: World, seed: number, start: number, count: number): ImageSample[] {
  return Array.from({ length: count }, (_, i) => {
    const sample = pretrainingSample(world, { seed, index: start + i });
    const pictured =
      sample.pixels === undefined
        ? pretrainingSample(world, { seed, index: start + i, kind: 'scene' })
        : sample;
    return pictured as ImageSample;
  });
}

export function pixelFeed(samples: readonly ImageSample[]): HostTensor {
  const data = new Float32Array(samples.length * PIXELS);
  samples.forEach((sample, i) => {
    normalisePixels(sample.pixels, data, i * PIXELS);
  });
  return float32(data, [samples.length, 3, NANO_IMAGE.size, NANO_IMAGE.size]);
}

function denseFeeds(samples: readonly ImageSample[], config: LlavaConfig): Record<string, Value> {
  const patches = config.imageTokens;
  const total = samples.length * patches;
  const labels = new Int32Array(total);
  const boxes = new Float32Array(total * 4);
  const boxWeights = new Float32Array(total);
  samples.forEach((sample, i) => {
    labels.set(sample.patchLabels, i * patches);
    for (let patch = 0; patch < patches; patch++) {
      const box = boxOfPatch(sample, patch);
      if (box === undefined) continue;
      boxes.set(box, (i * patches + patch) * 4);
      boxWeights[i * patches + patch] = 1;
    }
  });
  const foreground = Math.max(
    1,
    boxWeights.reduce((a, b) => a + b, 0),
  );
  // Background patches are many and easy: they count a quarter.
  const weights = Float32Array.from(labels, (label) => (label === 0 ? 0.25 : 1));
  const weightSum = weights.reduce((a, b) => a + b, 0);
  return {
    pixels: pixelFeed(samples),
    labels: int32(labels, [total]),
    weights: float32(
      weights.map((weight) => weight / weightSum),
      [total],
    ),
    boxes: float32(boxes, [total, 4]),
    boxWeights: float32(
      boxWeights.map((weight) => weight / foreground),
      [total, 1],
    ),
  };
}

/** The box of the object that covers a patch: of its class, and the one whose centre is nearest. */
function boxOfPatch(sample: ImageSample, patch: number): readonly number[] | undefined {
  const label = sample.patchLabels[patch];
  if (label === 0) return undefined;
  const grid = NANO_IMAGE.size / NANO_IMAGE.patch;
  const [x, y] = [((patch % grid) + 0.5) / grid, (Math.floor(patch / grid) + 0.5) / grid];
  let best: readonly number[] | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const { classIndex, box } of sample.objects) {
    if (classIndex !== label) continue;
    const distance = Math.hypot((box[0] + box[2]) / 2 - x, (box[1] + box[3]) / 2 - y);
    if (distance < bestDistance) [best, bestDistance] = [box, distance];
  }
  return best;
}

async function evaluateTower(options: StageOptions, values: Readonly<Record<string, Value>>) {
  const { world, config, seed } = options;
  const graph = towerGraph(config, world.classNames.length, new FreshParameters(seed));
  const program = await Program.compile({ named: argmax(graph.logits, 1), boxes: graph.boxes });
  const samples = imageSamples(world, seed, 0x20000000, 256);
  const feeds = { pixels: pixelFeed(samples), ...values };
  const { named, boxes } = await program.runOnHost(feeds);
  await program.dispose();
  let [right, total, error, boxed] = [0, 0, 0, 0];
  samples.forEach((sample, i) => {
    for (let patch = 0; patch < config.imageTokens; patch++) {
      const row = i * config.imageTokens + patch;
      if (sample.patchLabels[patch] === 0) continue;
      total++;
      if (named?.data[row] === sample.patchLabels[patch]) right++;
      const box = boxOfPatch(sample, patch);
      if (box === undefined) continue;
      boxed += 4;
      error += box.reduce((sum, edge, k) => sum + Math.abs(edge - (boxes?.data[row * 4 + k] as number)), 0);
    }
  });
  return { patchAccuracy: right / total, boxError: error / boxed };
}
