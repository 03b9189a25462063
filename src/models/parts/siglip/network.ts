// SigLIP's vision transformer (Zhai et al., 2023): CLIP's encoder without class token and without a norm before it.
import type { Scope } from '../../../nn/scope.ts';
import type { Tensor } from '../../../tensor/graph.ts';
import { add } from '../../../tensor/ops.ts';
import { patchCount } from '../clip/config.ts';
import { encoderStates, patchEmbeddings } from '../clip/network.ts';
import type { SiglipVisionConfig } from './config.ts';

/**
 * The hidden states after the embeddings and after every layer up to `layers`, none of them normalised.
 * pixels: [images, 3, height, width], normalised; each state: [images, patches, hidden].
 */
export function siglipVision(
  scope: Scope,
  config: SiglipVisionConfig,
  pixels: Tensor,
  layers = config.layers,
): Tensor[] {
  const embeddings = scope.child('embeddings');
  const patches = patchEmbeddings(embeddings, config, pixels);
  const bias = embeddings.weight('patch_embedding.bias', [config.hiddenSize]);
  const positions = embeddings.weight('position_embedding.weight', [patchCount(config), config.hiddenSize]);
  return encoderStates(scope, config, add(add(patches, bias), positions), layers);
}
