// LLaVA-1.5 as `llava-hf` publishes it: config.json of LlavaForConditionalGeneration.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError, UserError } from '../../errors.ts';
import {
  type ClipVisionConfig,
  clipVisionConfig,
  clipVisionConfigSchema,
  patchCount,
} from '../clip/config.ts';
import { type LlamaConfig, llamaConfig, llamaConfigSchema } from '../llama/config.ts';

const schema = z.object({
  model_type: z.literal('llava'),
  image_token_index: z.int().nonnegative(),
  projector_hidden_act: z.literal('gelu').default('gelu'),
  multimodal_projector_bias: z.literal(true).default(true),
  vision_feature_layer: z.int().default(-2),
  vision_feature_select_strategy: z.literal('default').default('default'),
  vision_config: clipVisionConfigSchema,
  text_config: llamaConfigSchema,
});

export interface LlavaConfig {
  readonly vision: ClipVisionConfig;
  readonly text: LlamaConfig;
  readonly imageTokenId: number;
  readonly endTokenId: number;
  readonly padTokenId: number;
  /** The vision tower is computed up to this hidden state; 0 is the embeddings' output. */
  readonly featureLayer: number;
  /** Patch features, hence placeholder tokens, per image. */
  readonly imageTokens: number;
}

/** Reads `config.json` of a model folder. Throws DataError naming the field that is missing or not supported. */
export function readLlavaConfig(folder: string): LlavaConfig {
  const file = join(folder, 'config.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new UserError({
      message: `no model here: ${file} cannot be read`,
      hint: 'name a folder in the llava-hf layout (config.json, model.safetensors, tokenizer.json, preprocessor_config.json)',
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DataError({ file, message: `not JSON: ${(error as Error).message}` });
  }
  return parseLlavaConfig(json, file);
}

export function parseLlavaConfig(json: unknown, file: string): LlavaConfig {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new UserError(
      parsed.error.issues.map((issue) => ({ file, field: issue.path.join('.'), message: issue.message })),
    );
  }
  const { data } = parsed;
  const vision = clipVisionConfig(data.vision_config);
  const text = llamaConfig(data.text_config);
  const layer = data.vision_feature_layer;
  const featureLayer = layer < 0 ? vision.layers + 1 + layer : layer;
  if (featureLayer < 0 || featureLayer > vision.layers) {
    throw new DataError({
      file,
      field: 'vision_feature_layer',
      message: `${layer} is outside the ${vision.layers} layers`,
    });
  }
  if (vision.imageSize % vision.patchSize !== 0) {
    throw new DataError({
      file,
      field: 'vision_config.patch_size',
      message: `does not divide image_size ${vision.imageSize}`,
    });
  }
  const notDivided = [
    ['vision_config.num_attention_heads', vision.heads, 'hidden_size', vision.hiddenSize],
    ['text_config.num_key_value_heads', text.kvHeads, 'num_attention_heads', text.heads],
    ...(data.text_config.head_dim == null
      ? [['text_config.num_attention_heads', text.heads, 'hidden_size', text.hiddenSize] as const]
      : []),
  ] as const;
  for (const [field, divisor, whole, size] of notDivided) {
    if (size % divisor !== 0) {
      throw new DataError({ file, field, message: `${divisor} does not divide ${whole} ${size}` });
    }
  }
  if (text.headSize % 2 !== 0) {
    throw new DataError({
      file,
      field: 'text_config.head_dim',
      message: `must be even for rotary positions, is ${text.headSize}`,
    });
  }
  return {
    vision,
    text,
    imageTokenId: data.image_token_index,
    endTokenId: data.text_config.eos_token_id,
    padTokenId: data.text_config.pad_token_id ?? data.text_config.eos_token_id,
    featureLayer,
    imageTokens: patchCount(vision),
  };
}
