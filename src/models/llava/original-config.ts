// The configuration of LLaVA's original code (`liuhaotian/llava-v1.5-*`, LlavaLlamaForCausalLM): the decoder's own keys,
// and `mm_` keys for what is joined to it. The vision tower is only named in it.
import { z } from 'zod';
import { checkConfig, configObject } from '../parts/config-keys.ts';
import { decoderConfigSchema, endTokens, type LlamaConfig, llamaConfig } from '../parts/llama/config.ts';
import { padToken } from './config.ts';
import type { FeatureSelection } from './vision.ts';

/** Keys of its training scripts. */
const ignored = [
  'freeze_mm_mlp_adapter',
  'freeze_mm_vision_resampler',
  'image_aspect_ratio',
  'image_crop_resolution',
  'image_grid_pinpoints',
  'image_split_resolution',
  'mm_projector_lr',
  'mm_vision_tower_lr',
  'tokenizer_model_max_length',
  'tokenizer_padding_side',
  'tune_mm_mlp_adapter',
  'tune_mm_vision_resampler',
  'unfreeze_mm_vision_tower',
  'use_mm_proj',
];

const joined = {
  mm_vision_tower: z.string().min(1),
  mm_hidden_size: z.int().positive(),
  mm_projector_type: z.literal('mlp2x_gelu'),
  mm_vision_select_layer: z.int().default(-2),
  mm_vision_select_feature: z.enum(['patch', 'cls_patch']).default('patch'),
};

const inert = {
  mm_patch_merge_type: ['flat'],
  mm_resampler_type: [],
  mm_use_im_patch_token: [false],
  mm_use_im_start_end: [false],
};

const joinedSchema = configObject(joined, { ignored, inert });

export interface OriginalConfig {
  readonly text: LlamaConfig;
  readonly endTokenIds: readonly number[];
  readonly padTokenId: number;
  /** A name on the hub or a folder. */
  readonly visionTower: string;
  readonly visionHiddenSize: number;
  readonly features: FeatureSelection;
}

export function isOriginalConfig(json: Readonly<Record<string, unknown>>): boolean {
  return 'mm_vision_tower' in json || 'mm_projector_type' in json;
}

export function parseOriginalConfig(json: Readonly<Record<string, unknown>>, file: string): OriginalConfig {
  const isJoined = (key: string) =>
    Object.hasOwn(joined, key) || Object.hasOwn(inert, key) || ignored.includes(key);
  const part = (wanted: boolean) =>
    Object.fromEntries(Object.entries(json).filter(([key]) => isJoined(key) === wanted));
  const { model_type: type = 'llava', ...decoder } = part(false);
  checkConfig(z.enum(['llava', 'llava_llama'], { error: 'expected llava or llava_llama' }), type, file);
  const text = checkConfig(decoderConfigSchema, decoder, file);
  const data = checkConfig(joinedSchema, part(true), file);
  return {
    text: llamaConfig(text, { file }),
    endTokenIds: endTokens(text),
    padTokenId: padToken(text),
    visionTower: data.mm_vision_tower,
    visionHiddenSize: data.mm_hidden_size,
    features: {
      layer: data.mm_vision_select_layer,
      strategy: data.mm_vision_select_feature === 'patch' ? 'default' : 'full',
    },
  };
}
