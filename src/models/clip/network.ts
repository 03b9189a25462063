// CLIP's vision transformer (Radford et al., 2021): patches, a class token, pre-norm encoder layers.
import { attention, mergeHeads, splitHeads } from '../../nn/attention.ts';
import { layerNorm, linear } from '../../nn/layers.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Tensor } from '../../tensor/graph.ts';
import { add, broadcastTo, concat, gelu, matmul, quickGelu, reshape, transpose } from '../../tensor/ops.ts';
import { type ClipVisionConfig, patchCount } from './config.ts';

/**
 * The hidden states after the embeddings and after every layer up to `layers`, class token first.
 * pixels: [images, 3, height, width], normalised; each state: [images, 1 + patches, hidden].
 */
export function clipVision(
  scope: Scope,
  config: ClipVisionConfig,
  pixels: Tensor,
  layers = config.layers,
): Tensor[] {
  let state = layerNorm(
    scope.child('pre_layrnorm'),
    embeddings(scope.child('embeddings'), config, pixels),
    config,
  );
  const states = [state];
  for (let layer = 0; layer < layers; layer++) {
    state = clipEncoderLayer(scope.child('encoder.layers').child(layer), config, state);
    states.push(state);
  }
  return states;
}

/** One encoder layer. x: [images, tokens, hidden]. */
export function clipEncoderLayer(scope: Scope, config: ClipVisionConfig, x: Tensor): Tensor {
  const { hiddenSize, intermediateSize, heads } = config;
  const attend = scope.child('self_attn');
  const normal = layerNorm(scope.child('layer_norm1'), x, config);
  const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
    splitHeads(linear(attend.child(name), normal, { outputs: hiddenSize, bias: true }), heads),
  ) as [Tensor, Tensor, Tensor];
  const mixed = mergeHeads(attention(q, k, v));
  const middle = add(x, linear(attend.child('out_proj'), mixed, { outputs: hiddenSize, bias: true }));
  const mlp = scope.child('mlp');
  const activate = config.activation === 'quick_gelu' ? quickGelu : gelu;
  const inner = linear(mlp.child('fc1'), layerNorm(scope.child('layer_norm2'), middle, config), {
    outputs: intermediateSize,
    bias: true,
  });
  return add(middle, linear(mlp.child('fc2'), activate(inner), { outputs: hiddenSize, bias: true }));
}

/** Patch embeddings (a convolution with stride = kernel, written as a product), class token and positions. */
function embeddings(scope: Scope, config: ClipVisionConfig, pixels: Tensor): Tensor {
  const { hiddenSize, patchSize, imageSize } = config;
  const images = pixels.dim(0);
  const grid = imageSize / patchSize;
  const patches = patchCount(config);
  const cells = reshape(pixels, [images, 3, grid, patchSize, grid, patchSize]);
  const rows = reshape(transpose(cells, [0, 2, 4, 1, 3, 5]), [images, patches, 3 * patchSize * patchSize]);
  const kernel = scope.weight('patch_embedding.weight', [hiddenSize, 3, patchSize, patchSize]);
  const embedded = matmul(rows, reshape(kernel, [hiddenSize, 3 * patchSize * patchSize]), {
    transposeB: true,
  });
  const classToken = broadcastTo(scope.weight('class_embedding', [hiddenSize]), [images, 1, hiddenSize]);
  const positions = scope.weight('position_embedding.weight', [patches + 1, hiddenSize]);
  return add(concat([classToken, embedded], 1), positions);
}
