// What shared code and methods are told of a LLaVA: sizes, the layers that adapters change, the projector that trains along.
// Follows from the configuration alone.
import type { ModelShape } from '../family.ts';
import { layerMatrices } from '../parts/llama/matrices.ts';
import type { LlavaConfig } from './config.ts';
import { LANGUAGE_MODEL, PROJECTOR } from './weights.ts';

/** Restricted to the language model: a list of names would also fit the vision tower's q_proj, k_proj and v_proj. */
const TARGET_MODULES = String.raw`.*language_model.*\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)`;

export function llavaShape({ text, vision }: LlavaConfig): ModelShape {
  return {
    vocabularySize: text.vocabularySize,
    hiddenSize: text.hiddenSize,
    layers: text.layers,
    featureSize: vision.hiddenSize,
    positionAxes: 1,
    cache: { heads: text.kvHeads, headSize: text.headSize },
    adaptable: layerMatrices(LANGUAGE_MODEL, text),
    targetModules: TARGET_MODULES,
    // In transformers' names, and in the original code's.
    savedModules: ['multi_modal_projector', 'mm_projector'],
    alongside: projectorShapes(vision.hiddenSize, text.hiddenSize),
  };
}

/** The two linear layers, in the order in which they are computed. */
function projectorShapes(inputs: number, hidden: number): ModelShape['alongside'] {
  return new Map([
    [`${PROJECTOR}.linear_1.weight`, { shape: [hidden, inputs] }],
    [`${PROJECTOR}.linear_1.bias`, { shape: [hidden] }],
    [`${PROJECTOR}.linear_2.weight`, { shape: [hidden, hidden] }],
    [`${PROJECTOR}.linear_2.bias`, { shape: [hidden] }],
  ]);
}
