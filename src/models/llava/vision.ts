// The vision towers that a LLaVA may have, as one: which configuration is whose, and their hidden states.
import type { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Tensor } from '../../tensor/graph.ts';
import {
  type ClipVisionConfig,
  clipVisionConfig,
  clipVisionConfigSchema,
  patchCount,
} from '../parts/clip/config.ts';
import { clipVision } from '../parts/clip/network.ts';
import { byModelType, requireDivides } from '../parts/config-keys.ts';
import {
  type SiglipVisionConfig,
  siglipVisionConfig,
  siglipVisionConfigSchema,
} from '../parts/siglip/config.ts';
import { siglipVision } from '../parts/siglip/network.ts';

export type VisionConfig = ClipVisionConfig | SiglipVisionConfig;

/** CLIP where `model_type` says nothing, as in transformers. */
export const visionConfigSchema = byModelType(
  { clip_vision_model: clipVisionConfigSchema, siglip_vision_model: siglipVisionConfigSchema },
  { what: 'a vision tower', byDefault: 'clip_vision_model' },
);

/** Which of its hidden states a tower gives to the language model. */
export interface FeatureSelection {
  /** `vision_feature_layer`: negative counts from the last. */
  readonly layer: number;
  /** `default` drops the first token, CLIP's class token; `full` keeps all. */
  readonly strategy: 'default' | 'full';
}

export interface SelectedFeatures {
  /** The tower is computed up to this hidden state; 0 is the embeddings' output. */
  readonly featureLayer: number;
  /** Tokens of that state that are passed over at its front. */
  readonly skippedTokens: number;
  /** Features, hence placeholder tokens, per image. */
  readonly imageTokens: number;
}

/** Throws UserError where sizes do not go together. */
export function visionConfig(
  json: z.output<typeof visionConfigSchema>,
  { file, prefix }: { readonly file: string; readonly prefix: string },
): VisionConfig {
  const heads = [`${prefix}num_attention_heads`, json.num_attention_heads] as const;
  requireDivides(file, heads, ['hidden_size', json.hidden_size]);
  if (json.patch_size > json.image_size) {
    const message = `larger than image_size ${json.image_size}`;
    throw new DataError({ file, field: `${prefix}patch_size`, message });
  }
  return json.model_type === 'siglip_vision_model' ? siglipVisionConfig(json) : clipVisionConfig(json);
}

export function selectFeatures(
  vision: VisionConfig,
  { layer, strategy }: FeatureSelection,
  place: { readonly file: string; readonly field: string },
): SelectedFeatures {
  const featureLayer = layer < 0 ? vision.layers + 1 + layer : layer;
  if (featureLayer < 0 || featureLayer > vision.layers) {
    throw new DataError({ ...place, message: `${layer} is outside the ${vision.layers} layers` });
  }
  const skippedTokens = strategy === 'default' ? 1 : 0;
  const tokens = patchCount(vision) + (vision.family === 'clip' ? 1 : 0);
  return { featureLayer, skippedTokens, imageTokens: tokens - skippedTokens };
}

/** The hidden states after the embeddings and after every layer up to `layers`; each [images, tokens, hidden]. */
export function visionStates(scope: Scope, config: VisionConfig, pixels: Tensor, layers?: number): Tensor[] {
  return config.family === 'clip'
    ? clipVision(scope, config, pixels, layers)
    : siglipVision(scope, config, pixels, layers);
}
