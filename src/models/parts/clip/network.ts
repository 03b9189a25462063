// CLIP's vision transformer (Radford et al., 2021): patches, a class token, pre-norm encoder layers. Its encoder and its
// patch embeddings serve other towers too.
import { attention, mergeHeads, splitHeads } from '../../../nn/attention.ts';
import { layerNorm, linear } from '../../../nn/layers.ts';
import type { Scope } from '../../../nn/scope.ts';
import type { Tensor } from '../../../tensor/graph.ts';
import {
  add,
  broadcastTo,
  concat,
  gelu,
  geluTanh,
  matmul,
  quickGelu,
  reshape,
  slice,
  transpose,
} from '../../../tensor/ops.ts';
import { type Activation, type ClipVisionConfig, patchCount, type VisionEncoderConfig } from './config.ts';

const activations: { readonly [A in Activation]: (x: Tensor) => Tensor } = {
  quick_gelu: quickGelu,
  gelu,
  gelu_pytorch_tanh: geluTanh,
};

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
  const { hiddenSize } = config;
  const embeddings = scope.child('embeddings');
  const patches = patchEmbeddings(embeddings, config, pixels);
  const classToken = broadcastTo(embeddings.weight('class_embedding', [hiddenSize]), [
    pixels.dim(0),
    1,
    hiddenSize,
  ]);
  const positions = embeddings.weight('position_embedding.weight', [patchCount(config) + 1, hiddenSize]);
  const tokens = add(concat([classToken, patches], 1), positions);
  return encoderStates(scope, config, layerNorm(scope.child('pre_layrnorm'), tokens, config), layers);
}

/** The state given and that after each encoder layer. x: [images, tokens, hidden]. */
export function encoderStates(
  scope: Scope,
  config: VisionEncoderConfig,
  x: Tensor,
  layers: number,
): Tensor[] {
  const states = [x];
  for (let layer = 0; layer < layers; layer++) {
    states.push(
      clipEncoderLayer(scope.child('encoder.layers').child(layer), config, states[layer] as Tensor),
    );
  }
  return states;
}

/** One encoder layer. x: [images, tokens, hidden]. */
export function clipEncoderLayer(scope: Scope, config: VisionEncoderConfig, x: Tensor): Tensor {
  const { hiddenSize, intermediateSize, heads } = config;
  const attend = scope.child('self_attn');
  const normal = layerNorm(scope.child('layer_norm1'), x, config);
  const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
    splitHeads(linear(attend.child(name), normal, { outputs: hiddenSize, bias: true }), heads),
  ) as [Tensor, Tensor, Tensor];
  const mixed = mergeHeads(attention(q, k, v));
  const middle = add(x, linear(attend.child('out_proj'), mixed, { outputs: hiddenSize, bias: true }));
  const mlp = scope.child('mlp');
  const activate = activations[config.activation];
  const inner = linear(mlp.child('fc1'), layerNorm(scope.child('layer_norm2'), middle, config), {
    outputs: intermediateSize,
    bias: true,
  });
  return add(middle, linear(mlp.child('fc2'), activate(inner), { outputs: hiddenSize, bias: true }));
}

/**
 * Patches of an image, [images, patches, hidden]: a convolution with stride = kernel, written as a product. What is left
 * over at the right and below is cut off, as the convolution does.
 */
export function patchEmbeddings(scope: Scope, config: VisionEncoderConfig, pixels: Tensor): Tensor {
  const { hiddenSize, patchSize, imageSize } = config;
  const images = pixels.dim(0);
  const grid = Math.floor(imageSize / patchSize);
  const seen = slice(slice(pixels, 2, 0, grid * patchSize), 3, 0, grid * patchSize);
  const cells = reshape(seen, [images, 3, grid, patchSize, grid, patchSize]);
  const rows = reshape(transpose(cells, [0, 2, 4, 1, 3, 5]), [
    images,
    grid * grid,
    3 * patchSize * patchSize,
  ]);
  const kernel = scope.weight('patch_embedding.weight', [hiddenSize, 3, patchSize, patchSize]);
  return matmul(rows, reshape(kernel, [hiddenSize, 3 * patchSize * patchSize]), { transposeB: true });
}
