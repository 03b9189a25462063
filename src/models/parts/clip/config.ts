// CLIP's vision transformer as its published config.json describes it.
import { z } from 'zod';
import { configObject } from '../config-keys.ts';

const count = z.int().positive();

/** The sizes of a vision transformer; they have no defaults, as a forgotten one would be a wrong guess. */
export const visionSizes = {
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  image_size: count,
  patch_size: count,
  num_channels: z.literal(3).default(3),
};

export const clipVisionConfigSchema = configObject(
  {
    ...visionSizes,
    model_type: z.literal('clip_vision_model').default('clip_vision_model'),
    hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
    layer_norm_eps: z.number().positive().default(1e-5),
  },
  // Of the text half, and dropout that published folders leave at nothing.
  { ignored: ['vocab_size'], inert: { dropout: [0] } },
);

export type Activation = 'quick_gelu' | 'gelu' | 'gelu_pytorch_tanh';

/** What the encoder layers of CLIP and of its kin need to know. */
export interface VisionEncoderConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly imageSize: number;
  readonly patchSize: number;
  readonly activation: Activation;
  readonly epsilon: number;
}

export interface ClipVisionConfig extends VisionEncoderConfig {
  readonly family: 'clip';
}

export function visionEncoderConfig(
  json: { readonly [Key in keyof typeof visionSizes]: number } & {
    readonly hidden_act: Activation;
    readonly layer_norm_eps: number;
  },
): VisionEncoderConfig {
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

export function clipVisionConfig(json: z.output<typeof clipVisionConfigSchema>): ClipVisionConfig {
  return { family: 'clip', ...visionEncoderConfig(json) };
}

/** Patches of one image (without the class token). What is left over at the right and below is not seen. */
export function patchCount(config: Pick<VisionEncoderConfig, 'imageSize' | 'patchSize'>): number {
  return Math.floor(config.imageSize / config.patchSize) ** 2;
}
