// SigLIP's vision transformer as its published config.json describes it.
import { z } from 'zod';
import { type VisionEncoderConfig, visionEncoderConfig, visionSizes } from '../clip/config.ts';
import { configObject } from '../config-keys.ts';

export const siglipVisionConfigSchema = configObject(
  {
    // The sizes of its base model, as in transformers: published folders leave them out.
    hidden_size: visionSizes.hidden_size.default(768),
    intermediate_size: visionSizes.intermediate_size.default(3072),
    num_hidden_layers: visionSizes.num_hidden_layers.default(12),
    num_attention_heads: visionSizes.num_attention_heads.default(12),
    image_size: visionSizes.image_size.default(224),
    patch_size: visionSizes.patch_size.default(16),
    num_channels: visionSizes.num_channels,
    model_type: z.literal('siglip_vision_model'),
    hidden_act: z.enum(['gelu_pytorch_tanh', 'gelu', 'quick_gelu']).default('gelu_pytorch_tanh'),
    layer_norm_eps: z.number().positive().default(1e-6),
  },
  // The pooling head is never asked for.
  { ignored: ['vision_use_head'] },
);

export interface SiglipVisionConfig extends VisionEncoderConfig {
  readonly family: 'siglip';
}

export function siglipVisionConfig(json: z.output<typeof siglipVisionConfigSchema>): SiglipVisionConfig {
  return { family: 'siglip', ...visionEncoderConfig(json) };
}
