// LLaMA's decoder and those that differ from it only by their configuration, Mistral and Qwen2, as their published
// config.json describes them.
import { z } from 'zod';
import { UserError } from '../../../base/errors.ts';
import { byModelType, configObject, requireDivides } from '../config-keys.ts';
import { type RotaryPositions, ropeSchema, rotaryPositions } from './rotary.ts';

const count = z.int().positive();
const tokenId = z.int().nonnegative();
/** One, several or none. */
const endToken = z.union([tokenId, z.array(tokenId)]).nullish();

/** What the three share. Sizes default to those of their 7B, as in transformers: published LLaVA folders leave them out. */
const shared = {
  hidden_size: count.default(4096),
  num_hidden_layers: count.default(32),
  num_attention_heads: count.default(32),
  head_dim: count.nullish(),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: ropeSchema.nullish(),
  rope_scaling: ropeSchema.nullish(),
  hidden_act: z.literal('silu').default('silu'),
  tie_word_embeddings: z.boolean().default(false),
  pad_token_id: z.int().nullish(),
};

const llama = configObject({
  ...shared,
  model_type: z.literal('llama').default('llama'),
  eos_token_id: endToken.default(2),
  vocab_size: count.default(32000),
  intermediate_size: count.default(11008),
  num_key_value_heads: count.nullish(),
  max_position_embeddings: count.default(2048),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

const mistral = configObject({
  ...shared,
  model_type: z.literal('mistral'),
  eos_token_id: endToken.default(2),
  vocab_size: count.default(32000),
  intermediate_size: count.default(14336),
  num_key_value_heads: count.nullish().transform((heads) => (heads === undefined ? 8 : heads)),
  max_position_embeddings: count.default(131072),
  sliding_window: count.nullish().transform((window) => (window === undefined ? 4096 : window)),
});

const qwen2 = configObject({
  ...shared,
  model_type: z.literal('qwen2'),
  eos_token_id: endToken,
  vocab_size: count.default(151936),
  intermediate_size: count.default(22016),
  num_key_value_heads: count.nullish().transform((heads) => (heads === undefined ? 32 : heads)),
  max_position_embeddings: count.default(32768),
  use_sliding_window: z.boolean().default(false),
  sliding_window: count.nullish().transform((window) => (window === undefined ? 4096 : window)),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).nullish(),
});

/** LLaMA where `model_type` says nothing, as in transformers. */
export const decoderConfigSchema = byModelType(
  { llama, mistral, qwen2 },
  { what: 'a decoder', byDefault: 'llama' },
);

export interface LlamaConfig {
  /** Whose decoder it is. The network does not ask; prompts and people do. */
  readonly family: 'llama' | 'mistral' | 'qwen2';
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly maxPositions: number;
  readonly epsilon: number;
  readonly rotary: RotaryPositions;
  /** Which linear layers add a bias. */
  readonly biases: {
    readonly queryKeyValue: boolean;
    readonly attentionOutput: boolean;
    readonly mlp: boolean;
  };
  /** Per layer: how many tokens back, itself included, a token sees; undefined for all of them. */
  readonly windows: readonly (number | undefined)[];
  readonly tiedEmbeddings: boolean;
}

/** Throws UserError, naming the field below `prefix`, where sizes do not go together. */
export function llamaConfig(
  json: z.output<typeof decoderConfigSchema>,
  { file, prefix = '' }: { readonly file: string; readonly prefix?: string },
): LlamaConfig {
  const heads = json.num_attention_heads;
  const kvHeads = json.num_key_value_heads ?? heads;
  const headSize = json.head_dim ?? json.hidden_size / heads;
  if (json.head_dim == null) {
    requireDivides(file, [`${prefix}num_attention_heads`, heads], ['hidden_size', json.hidden_size]);
  }
  requireDivides(file, [`${prefix}num_key_value_heads`, kvHeads], ['num_attention_heads', heads]);
  if (headSize % 2 !== 0) {
    const message = `must be even for rotary positions, is ${headSize}`;
    throw new UserError({ file, field: `${prefix}head_dim`, message });
  }
  const layers = json.num_hidden_layers;
  const windows = windowsOf(json);
  if (windows.length !== layers) {
    const message = `${windows.length} layers where num_hidden_layers says ${layers}`;
    throw new UserError({ file, field: `${prefix}layer_types`, message });
  }
  const attentionBias = json.model_type === 'llama' && json.attention_bias;
  return {
    family: json.model_type,
    vocabularySize: json.vocab_size,
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layers,
    heads,
    kvHeads,
    headSize,
    maxPositions: json.max_position_embeddings,
    epsilon: json.rms_norm_eps,
    rotary: rotaryPositions(json.rope_scaling ?? json.rope_parameters, {
      theta: json.rope_theta ?? 10000,
      maxPositions: json.max_position_embeddings,
    }),
    biases: {
      queryKeyValue: attentionBias || json.model_type === 'qwen2',
      attentionOutput: attentionBias,
      mlp: json.model_type === 'llama' && json.mlp_bias,
    },
    windows,
    tiedEmbeddings: json.tie_word_embeddings,
  };
}

function windowsOf(json: z.output<typeof decoderConfigSchema>): (number | undefined)[] {
  const perLayer = <T>(of: (layer: number) => T) =>
    Array.from({ length: json.num_hidden_layers }, (_, i) => of(i));
  if (json.model_type === 'llama') return perLayer(() => undefined);
  const window = json.sliding_window ?? undefined;
  if (json.model_type === 'mistral') return perLayer(() => window);
  if (!json.use_sliding_window) return perLayer(() => undefined);
  return json.layer_types == null
    ? perLayer((layer) => (layer >= json.max_window_layers ? window : undefined))
    : json.layer_types.map((type) => (type === 'sliding_attention' ? window : undefined));
}

/** The tokens that end an answer, as a configuration names them: none, one or several. */
export function endTokens(json: {
  readonly eos_token_id?: number | readonly number[] | null;
}): readonly number[] {
  const ids = json.eos_token_id ?? [];
  return typeof ids === 'number' ? [ids] : ids;
}
