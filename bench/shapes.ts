// The models that the benchmark measures, by name: `nano` is the embedded one, the others are written with random
// weights. A shape is a config.json and what of a machine's time it deserves.

type Json = Readonly<Record<string, unknown>>;

export interface Shape {
  /** Absent for the embedded model. */
  readonly config?: Json;
  /** How weights lie in the file; by default as float32. */
  readonly storage?: 'F16';
  /** Samples of a training round. */
  readonly trainSamples: number;
  readonly batchSize: number;
  /** Questions of an evaluation round: enough for ours to have its batches full. */
  readonly testSamples: number;
  /** The first of them, which the peer answers; it takes one at a time, so more would change no rate. */
  readonly peerTestSamples: number;
  readonly maxNewTokens: number;
  readonly adapter: {
    readonly rank: number;
    readonly alpha: number;
    readonly dropout: number;
    readonly experts: number;
  };
  /** Rows that our generator decodes side by side. */
  readonly slots: number;
}

const reference = { rank: 128, alpha: 256, dropout: 0.05, experts: 8 };

export const shapes = {
  nano: {
    trainSamples: 64,
    batchSize: 8,
    testSamples: 64,
    peerTestSamples: 12,
    maxNewTokens: 32,
    adapter: { rank: 16, alpha: 32, dropout: 0, experts: 4 },
    slots: 32,
  },
  /** A tower as CLIP-B/16 and a decoder of about the same size. */
  small: {
    config: llava({
      vision: { hidden: 768, layers: 12, heads: 12, image: 224, patch: 16 },
      text: { vocabulary: 32000, hidden: 768, ffn: 2048, layers: 12, heads: 12 },
      imageTokenId: 31998,
      padTokenId: 31999,
    }),
    trainSamples: 4,
    batchSize: 2,
    testSamples: 16,
    peerTestSamples: 4,
    maxNewTokens: 8,
    adapter: { ...reference, rank: 32, alpha: 64, dropout: 0 },
    slots: 32,
  },
  /** One decoder layer of LLaVA-1.5-7B with its embeddings and head, behind three layers of its tower. */
  '7b-layer': {
    config: llava({
      vision: { hidden: 1024, layers: 3, heads: 16, image: 336, patch: 14 },
      text: { vocabulary: 32064, hidden: 4096, ffn: 11008, layers: 1, heads: 32 },
      imageTokenId: 32000,
      padTokenId: 32001,
    }),
    trainSamples: 1,
    batchSize: 1,
    testSamples: 4,
    peerTestSamples: 2,
    maxNewTokens: 8,
    adapter: { ...reference, dropout: 0 },
    slots: 4,
  },
  /** LLaVA-1.5-7B; for memory, not part of the comparison. */
  '7b': {
    storage: 'F16',
    config: llava({
      vision: { hidden: 1024, layers: 24, heads: 16, image: 336, patch: 14 },
      text: { vocabulary: 32064, hidden: 4096, ffn: 11008, layers: 32, heads: 32 },
      imageTokenId: 32000,
      padTokenId: 32001,
    }),
    trainSamples: 1,
    batchSize: 1,
    testSamples: 1,
    peerTestSamples: 1,
    maxNewTokens: 8,
    adapter: { ...reference, dropout: 0 },
    slots: 1,
  },
} as const satisfies Readonly<Record<string, Shape>>;

export type ShapeName = keyof typeof shapes;

export function isShapeName(name: string): name is ShapeName {
  return Object.hasOwn(shapes, name);
}

interface Sizes {
  readonly vision: {
    readonly hidden: number;
    readonly layers: number;
    readonly heads: number;
    readonly image: number;
    readonly patch: number;
  };
  readonly text: {
    readonly vocabulary: number;
    readonly hidden: number;
    readonly ffn: number;
    readonly layers: number;
    readonly heads: number;
  };
  readonly imageTokenId: number;
  readonly padTokenId: number;
}

function llava({ vision, text, imageTokenId, padTokenId }: Sizes): Json {
  return {
    architectures: ['LlavaForConditionalGeneration'],
    model_type: 'llava',
    image_token_index: imageTokenId,
    image_seq_length: (vision.image / vision.patch) ** 2,
    projector_hidden_act: 'gelu',
    multimodal_projector_bias: true,
    vision_feature_layer: -2,
    vision_feature_select_strategy: 'default',
    tie_word_embeddings: false,
    vision_config: {
      model_type: 'clip_vision_model',
      hidden_size: vision.hidden,
      intermediate_size: 4 * vision.hidden,
      num_hidden_layers: vision.layers,
      num_attention_heads: vision.heads,
      image_size: vision.image,
      patch_size: vision.patch,
      num_channels: 3,
      hidden_act: 'quick_gelu',
      layer_norm_eps: 1e-5,
      projection_dim: vision.hidden,
    },
    text_config: {
      model_type: 'llama',
      vocab_size: text.vocabulary,
      hidden_size: text.hidden,
      intermediate_size: text.ffn,
      num_hidden_layers: text.layers,
      num_attention_heads: text.heads,
      num_key_value_heads: text.heads,
      head_dim: text.hidden / text.heads,
      max_position_embeddings: 4096,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      hidden_act: 'silu',
      attention_bias: false,
      mlp_bias: false,
      tie_word_embeddings: false,
      bos_token_id: 1,
      eos_token_id: 2,
      pad_token_id: padTokenId,
    },
  };
}
