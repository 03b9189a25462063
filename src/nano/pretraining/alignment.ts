// Stage 2 of pretraining: the projector brings patch features close to the embeddings of the words that name them
// (a dense contrastive loss against all names). Without it, nothing that binds a name to a place is learnt.

import type { LlavaConfig } from '../../models/llava/config.ts';
import { embeddingTable, projectFeatures } from '../../models/llava/network.ts';
import { crossEntropy } from '../../nn/loss.ts';
import { learningRateFactor } from '../../nn/schedule.ts';
import { Scope } from '../../nn/scope.ts';
import { float32, type HostTensor, int32 } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/graph.ts';
import {
  add,
  constant,
  div,
  flatten,
  gather,
  input,
  matmul,
  mul,
  reshape,
  sqrt,
  square,
  sum,
} from '../../tensor/ops.ts';
import type { Value } from '../../tensor/program.ts';
import { Learner } from '../../training/learner.ts';
import type { World } from '../world/world.ts';
import type { FeatureExtractor } from './features.ts';
import { FreshParameters } from './fresh-parameters.ts';
import { imageSamples, type StageOptions } from './tower.ts';

export interface AlignmentOptions extends StageOptions {
  readonly tower: FeatureExtractor;
  /** Token ids of every class's name, in the order of `world.classNames`. */
  readonly nameIds: readonly (readonly number[])[];
}

/** Sharpness of the cosine similarities. */
const TEMPERATURE = 0.1;

/** The aligned projector and embedding table. */
export async function alignProjector(
  options: AlignmentOptions,
): Promise<Readonly<Record<string, HostTensor>>> {
  const { world, config, seed, steps, batchSize, learningRate, tower } = options;
  const parameters = new FreshParameters(seed);
  const learner = await Learner.compile({
    loss: alignmentLoss(config, new Scope(parameters.provider), options.nameIds),
    parameters: parameters.all,
    optimizer: { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
  });
  const schedule = { name: 'cosine', steps, warmupSteps: Math.ceil(steps / 20) } as const;
  for (let step = 0; step < steps; step++) {
    const loss = await learner.accumulate(
      await alignmentFeeds(world, config, tower, seed, step * batchSize, batchSize),
    );
    await learner.apply({ all: learningRate * learningRateFactor(schedule, step) });
    options.onStep?.({ step: step + 1, steps, loss });
  }
  const { parameters: values } = await learner.state();
  await learner.dispose();
  return values;
}

function alignmentLoss(config: LlavaConfig, root: Scope, nameIds: readonly (readonly number[])[]): Tensor {
  const features = input('features', 'float32', ['images', config.imageTokens, config.vision.hiddenSize]);
  const projected = projectFeatures(root, config, flatten(features, 2));
  const patches = gather(projected, input('patchRows', 'int32', ['patches'])); // [patches, hidden]
  const similarities = matmul(unit(patches), unit(nameEmbeddings(root, config, nameIds)), {
    transposeB: true,
  });
  return crossEntropy(
    mul(similarities, 1 / TEMPERATURE),
    input('labels', 'int32', ['patches']),
    input('weights', 'float32', ['patches']),
  );
}

/** The mean embedding of every name's tokens: [classes, hidden]. */
function nameEmbeddings(root: Scope, config: LlavaConfig, nameIds: readonly (readonly number[])[]): Tensor {
  const longest = Math.max(...nameIds.map((ids) => ids.length));
  const ids = nameIds.flatMap((name) => Array.from({ length: longest }, (_, i) => name[i] ?? 0));
  const shares = nameIds.flatMap((name) =>
    Array.from({ length: longest }, (_, i) => (i < name.length ? 1 / name.length : 0)),
  );
  const shape = [nameIds.length, longest];
  const rows = gather(embeddingTable(root, config), constant(int32(ids, shape))); // [classes, longest, hidden]
  const mean = sum(mul(rows, constant(float32(shares, [...shape, 1]))), [1]);
  return reshape(mean, [nameIds.length, config.text.hiddenSize]);
}

function unit(x: Tensor): Tensor {
  return div(x, sqrt(add(sum(square(x), [-1]), 1e-6)));
}

async function alignmentFeeds(
  world: World,
  config: LlavaConfig,
  tower: FeatureExtractor,
  seed: number,
  start: number,
  count: number,
): Promise<Record<string, Value>> {
  const samples = imageSamples(world, seed, start, count);
  const rows: number[] = [];
  const labels: number[] = [];
  samples.forEach(({ patchLabels }, i) => {
    patchLabels.forEach((label, patch) => {
      if (label === 0) return;
      rows.push(i * config.imageTokens + patch);
      labels.push(label);
    });
  });
  return {
    features: await tower.features(samples),
    patchRows: int32(rows, [rows.length]),
    labels: int32(labels, [labels.length]),
    weights: float32(new Float32Array(rows.length).fill(1 / rows.length), [rows.length]),
  };
}
