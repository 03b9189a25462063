// A LLaVA with random weights, small enough to train in a second, in the layout of a published one.

import { type LlavaConfig, parseLlavaConfig } from '../../src/models/llava/config.ts';
import { tracedLlava } from '../../src/models/llava/model.ts';
import { imageFeatures } from '../../src/models/llava/network.ts';
import { FreshParameters } from '../../src/nano/pretraining/fresh-parameters.ts';
import { nanoConfig } from '../../src/nano/pretraining/nano-config.ts';
import { learnVocabulary, writeNanoModel } from '../../src/nano/pretraining/pretrain.ts';
import { loadWorld } from '../../src/nano/world/world.ts';
import { Scope } from '../../src/nn/scope.ts';
import { float32 } from '../../src/tensor/dtype.ts';
import { input } from '../../src/tensor/ops.ts';
import { instructionLoss } from '../../src/training/loss.ts';

/** Writes the model folder. Equal seeds give equal bytes. */
export async function writeToyModel(folder: string, { seed = 0 } = {}): Promise<LlavaConfig> {
  const vocabulary = learnVocabulary(await loadWorld(), { sentences: 300, vocabularySize: 700 });
  const full = nanoConfig({
    vocabularySize: vocabulary.size,
    imageTokenId: vocabulary.imageTokenId,
    padTokenId: vocabulary.padTokenId,
  });
  const json = {
    ...full,
    vision_config: {
      ...(full.vision_config as object),
      hidden_size: 24,
      intermediate_size: 48,
      num_hidden_layers: 2,
      num_attention_heads: 2,
    },
    text_config: {
      ...(full.text_config as object),
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 2,
      head_dim: 16,
    },
  };
  const config = parseLlavaConfig(json, 'config.json');
  const parameters = new FreshParameters(seed);
  const root = new Scope(parameters.provider);
  imageFeatures(
    root,
    config,
    input('pixels', 'float32', ['images', 3, config.vision.imageSize, config.vision.imageSize]),
  );
  instructionLoss(root, tracedLlava(config));
  const weights = parameters.all.map(
    ({ name, tensor, values }) => [name, float32(values, tensor.shape as number[])] as const,
  );
  writeNanoModel(folder, { json, config, vocabulary, weights: Object.fromEntries(weights) });
  return config;
}
