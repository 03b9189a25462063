// LLaVA's configuration, as transformers' LlavaForConditionalGeneration has it (`llava-hf` on the hub). The layout of the
// original code is original-config.ts.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonObject } from '../../formats/records/json.ts';
import { checkConfig, configObject } from '../parts/config-keys.ts';
import { decoderConfigSchema, endTokens, type LlamaConfig, llamaConfig } from '../parts/llama/config.ts';
import {
  type SelectedFeatures,
  selectFeatures,
  type VisionConfig,
  visionConfig,
  visionConfigSchema,
} from './vision.ts';

const schema = configObject(
  {
    model_type: z.literal('llava'),
    image_token_index: z.int().nonnegative().default(32000),
    projector_hidden_act: z.literal('gelu').default('gelu'),
    multimodal_projector_bias: z.literal(true).default(true),
    vision_feature_layer: z.int({ error: 'expected one layer' }).default(-2),
    vision_feature_select_strategy: z.enum(['default', 'full']).default('default'),
    vision_config: visionConfigSchema,
    text_config: decoderConfigSchema,
    tie_word_embeddings: z.boolean().default(false),
  },
  // Repeated from the parts, where they count.
  { ignored: ['eos_token_id', 'hidden_size', 'pad_token_id', 'vocab_size'] },
);

export interface LlavaConfig extends SelectedFeatures {
  readonly vision: VisionConfig;
  readonly text: LlamaConfig;
  /** Stands in a prompt where features go. It need not be a row of the embedding table. */
  readonly imageTokenId: number;
  /** Any of them ends an answer. */
  readonly endTokenIds: readonly number[];
  readonly padTokenId: number;
}

/** Reads `config.json` of a model folder. Throws UserError naming the field that is missing, wrong or not known. */
export function readLlavaConfig(folder: string): LlavaConfig {
  const file = join(folder, 'config.json');
  const config = parseLlavaConfig(readJsonObject(file), file);
  return { ...config, endTokenIds: readEndTokens(folder) ?? config.endTokenIds };
}

export function parseLlavaConfig(json: unknown, file: string): LlavaConfig {
  const data = checkConfig(schema, json, file);
  const vision = visionConfig(data.vision_config, { file, prefix: 'vision_config.' });
  const text = llamaConfig(data.text_config, { file, prefix: 'text_config.' });
  const selection = { layer: data.vision_feature_layer, strategy: data.vision_feature_select_strategy };
  return {
    vision,
    // Either may say so, as in transformers.
    text: { ...text, tiedEmbeddings: text.tiedEmbeddings || data.tie_word_embeddings },
    imageTokenId: data.image_token_index,
    endTokenIds: endTokens(data.text_config),
    padTokenId: padToken(data.text_config),
    ...selectFeatures(vision, selection, { file, field: 'vision_feature_layer' }),
  };
}

/** What fills the places after a text; any token of the vocabulary does. */
export function padToken(json: z.output<typeof decoderConfigSchema>): number {
  return Math.max(0, json.pad_token_id ?? endTokens(json)[0] ?? 0);
}

/** `eos_token_id` of generation_config.json, which transformers prefers; undefined where it says nothing. */
export function readEndTokens(folder: string): readonly number[] | undefined {
  const file = join(folder, 'generation_config.json');
  if (!existsSync(file)) return undefined;
  const schema = z.looseObject({
    eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).nullish(),
  });
  const ids = endTokens(checkConfig(schema, readJsonObject(file), file));
  return ids.length === 0 ? undefined : ids;
}
