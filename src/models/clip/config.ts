// CLIP's vision transformer as its published config.json describes it.
import { z } from 'zod';

export const clipVisionConfigSchema = z.object({
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  image_size: z.int().positive(),
  patch_size: z.int().positive(),
  num_channels: z.literal(3).default(3),
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
  model_type: z.literal('clip_vision_model').default('clip_vision_model'),
});

export interface ClipVisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly imageSize: number;
  readonly patchSize: number;
  readonly activation: 'quick_gelu' | 'gelu';
  readonly epsilon: number;
}

export function clipVisionConfig(json: z.output<typeof clipVisionConfigSchema>): ClipVisionConfig {
  return {
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads: json.num_attention_heads,
    imageSize: json.image_size,
    patchSize: json.patch_size,
    activation: json.hidden_act,
    epsilon: json.layer_norm_eps,
  };
}

/** Patches of one image (without the class token). */
export function patchCount(config: ClipVisionConfig): number {
  return (config.imageSize / config.patchSize) ** 2;
}
