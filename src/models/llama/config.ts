// LLaMA's decoder as its published config.json describes it.
import { z } from 'zod';

const ropeSchema = z.looseObject({
  rope_theta: z.number().positive().optional(),
  rope_type: z
    .literal('default', { error: 'only the default rotary positions are supported' })
    .default('default'),
});

/** Sizes default to those of LLaMA 7B, as in transformers: the published LLaVA 1.5 7B leaves them out. */
export const llamaConfigSchema = z.object({
  model_type: z.literal('llama').default('llama'),
  vocab_size: z.int().positive().default(32000),
  hidden_size: z.int().positive().default(4096),
  intermediate_size: z.int().positive().default(11008),
  num_hidden_layers: z.int().positive().default(32),
  num_attention_heads: z.int().positive().default(32),
  num_key_value_heads: z.int().positive().optional(),
  head_dim: z.int().positive().nullish(),
  max_position_embeddings: z.int().positive().default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().optional(),
  rope_parameters: ropeSchema.optional(),
  rope_scaling: z.null({ error: 'rotary scaling is not supported' }).optional(),
  hidden_act: z.literal('silu').default('silu'),
  attention_bias: z.literal(false).default(false),
  mlp_bias: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(false),
  bos_token_id: z.int().default(1),
  eos_token_id: z.int().default(2),
  pad_token_id: z.int().nullish(),
});

export interface LlamaConfig {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly maxPositions: number;
  readonly epsilon: number;
  readonly ropeTheta: number;
  readonly tiedEmbeddings: boolean;
}

export function llamaConfig(json: z.output<typeof llamaConfigSchema>): LlamaConfig {
  return {
    vocabularySize: json.vocab_size,
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads: json.num_attention_heads,
    kvHeads: json.num_key_value_heads ?? json.num_attention_heads,
    headSize: json.head_dim ?? json.hidden_size / json.num_attention_heads,
    maxPositions: json.max_position_embeddings,
    epsilon: json.rms_norm_eps,
    ropeTheta: json.rope_parameters?.rope_theta ?? json.rope_theta ?? 10000,
    tiedEmbeddings: json.tie_word_embeddings,
  };
}
