// Stage 3 of pretraining: projector and decoder learn to describe images and to answer in sentences. The tower stays
// frozen, as in LLaVA's own pretraining.

import type { LlavaConfig } from '../../models/llava/config.ts';
import { tracedLlava } from '../../models/llava/model.ts';
import { HEAD } from '../../models/llava/weights.ts';
import { learningRateFactor } from '../../nn/schedule.ts';
import { Scope } from '../../nn/scope.ts';
import type { HostTensor } from '../../tensor/dtype.ts';
import { batchOptions, countAnswers, trainingBatch } from '../../training/batches.ts';
import { Learner } from '../../training/learner.ts';
import { instructionLoss } from '../../training/loss.ts';
import { type PackedSample, packedSegments } from '../../training/packing.ts';
import { type PretrainingSample, pretrainingSample } from '../world/pretraining.ts';
import type { FeatureExtractor } from './features.ts';
import { FreshParameters } from './fresh-parameters.ts';
import type { ImageSample, StageOptions } from './tower.ts';

export interface LanguageOptions extends StageOptions {
  readonly tower: FeatureExtractor;
  /** Projector and embeddings from the alignment stage. */
  readonly aligned: Readonly<Record<string, HostTensor>>;
  /** The sample's turns, packed. */
  tokenize(sample: PretrainingSample): Omit<PackedSample, 'features'>;
}

/** Everything but the tower, by canonical name. */
export async function pretrainLanguage(
  options: LanguageOptions,
): Promise<Readonly<Record<string, HostTensor>>> {
  const { config, seed, steps, learningRate, aligned, checkpointEvery = Number.POSITIVE_INFINITY } = options;
  const known = Object.fromEntries(
    Object.entries(aligned).map(([name, value]) => [name, value.data as Float32Array]),
  );
  // The head starts along the embeddings: a patch that looks like a word's embedding then already speaks for it.
  const table = known['model.language_model.embed_tokens.weight'];
  if (table !== undefined) known[`${HEAD}.weight`] = table.map((value) => value / 4);
  const parameters = new FreshParameters(seed, known);
  const learner = await Learner.compile({
    loss: instructionLoss(new Scope(parameters.provider), tracedLlava(config), { packed: true }),
    parameters: parameters.all,
    optimizer: { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 },
  });
  if (options.resume !== undefined) learner.restore(options.resume);
  const schedule = { name: 'cosine', steps, warmupSteps: Math.min(200, Math.ceil(steps / 10)) } as const;
  const batchOf = batchSource(options);
  for (let step = learner.step; step < steps; step++) {
    const loss = await learner.accumulate(await languageFeeds(options, batchOf(step)));
    await learner.apply({ all: learningRate * learningRateFactor(schedule, step) });
    options.onStep?.({ step: step + 1, steps, loss });
    if ((step + 1) % checkpointEvery === 0 && step + 1 < steps) options.onCheckpoint?.(await learner.state());
  }
  const state = await learner.state();
  await learner.dispose();
  return state.parameters;
}

type Tokens = Omit<PackedSample, 'features'>;

interface PooledSample {
  readonly sample: PretrainingSample;
  readonly tokens: Tokens;
}

/** Batches of a pool: samples of like length share one, so that little is padded. */
const POOL_BATCHES = 4;

/** Batches of the stream by step. A pool is made once and serves the steps in it; any step can be asked for. */
function batchSource({
  world,
  seed,
  batchSize,
  tokenize,
}: LanguageOptions): (step: number) => readonly PooledSample[] {
  let known: { readonly pool: number; readonly samples: readonly PooledSample[] } | undefined;
  return (step) => {
    const pool = Math.floor(step / POOL_BATCHES);
    if (known?.pool !== pool) {
      const size = batchSize * POOL_BATCHES;
      const samples = Array.from({ length: size }, (_, i) => {
        const sample = pretrainingSample(world, { seed: seed + 1, index: pool * size + i });
        return { sample, tokens: tokenize(sample) };
      });
      known = { pool, samples: samples.sort((a, b) => a.tokens.inputIds.length - b.tokens.inputIds.length) };
    }
    const start = (step % POOL_BATCHES) * batchSize;
    return known.samples.slice(start, start + batchSize);
  };
}

async function languageFeeds({ config, tower }: LanguageOptions, batch: readonly PooledSample[]) {
  const samples = batch.map(({ sample }) => sample);
  const tokenized = await withFeatures(samples, config, tower, (_, i) => batch[i]!.tokens);
  const batchFeeds = trainingBatch(tokenized, {
    ...batchOptions({ padTokenId: config.padTokenId, shape: tracedLlava(config).shape }),
    totalAnswers: countAnswers(tokenized),
  });
  return { ...batchFeeds, ...packedSegments(tokenized, batchFeeds.ids.shape[1] as number) };
}

/** Tokens of some samples with the tower's features of their images. */
export async function withFeatures(
  samples: readonly PretrainingSample[],
  config: LlavaConfig,
  tower: FeatureExtractor,
  tokenize: (sample: PretrainingSample, index: number) => Tokens,
): Promise<PackedSample[]> {
  const pictured = samples.filter((sample): sample is ImageSample => sample.pixels !== undefined);
  const size = config.imageTokens * config.vision.hiddenSize;
  const features =
    pictured.length === 0 ? new Float32Array(0) : ((await tower.features(pictured)).data as Float32Array);
  return samples.map((sample, i) => {
    const index = pictured.indexOf(sample as ImageSample);
    const tokens = tokenize(sample, i);
    return index < 0 ? tokens : { ...tokens, features: features.subarray(index * size, (index + 1) * size) };
  });
}
