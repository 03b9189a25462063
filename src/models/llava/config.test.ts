import { describe, expect, it } from 'vitest';
import { parseLlavaConfig } from './config.ts';

/** What the published LLaVA 1.5 7B says; the sizes of its decoder are left to the defaults. */
const published = {
  architectures: ['LlavaForConditionalGeneration'],
  ignore_index: -100,
  image_token_index: 32000,
  model_type: 'llava',
  pad_token_id: 32001,
  projector_hidden_act: 'gelu',
  text_config: {
    max_position_embeddings: 4096,
    model_type: 'llama',
    rms_norm_eps: 1e-5,
    vocab_size: 32064,
  },
  vision_config: {
    hidden_size: 1024,
    image_size: 336,
    intermediate_size: 4096,
    model_type: 'clip_vision_model',
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
    projection_dim: 768,
  },
  vision_feature_layer: -2,
  vision_feature_select_strategy: 'default',
};

describe('parseLlavaConfig', () => {
  it('reads the published 7B', () => {
    const config = parseLlavaConfig(published, 'config.json');
    expect(config.text).toEqual({
      vocabularySize: 32064,
      hiddenSize: 4096,
      intermediateSize: 11008,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      headSize: 128,
      maxPositions: 4096,
      epsilon: 1e-5,
      rotary: { theta: 10000, scaling: { rope_type: 'default' }, originalLength: 4096 },
      biases: { queryKeyValue: false, attentionOutput: false, mlp: false },
      family: 'llama',
      windows: Array.from({ length: 32 }, () => undefined),
      tiedEmbeddings: false,
    });
    expect(config.vision).toMatchObject({ layers: 24, heads: 16, activation: 'quick_gelu', epsilon: 1e-5 });
    expect(config).toMatchObject({
      imageTokenId: 32000,
      featureLayer: 23,
      skippedTokens: 1,
      imageTokens: 576,
      endTokenIds: [2],
    });
  });

  const withText = (text: object) =>
    parseLlavaConfig({ ...published, text_config: { ...published.text_config, ...text } }, 'config.json');

  it('keeps the class token where all features are wanted', () => {
    const config = parseLlavaConfig({ ...published, vision_feature_select_strategy: 'full' }, 'config.json');
    expect(config).toMatchObject({ skippedTokens: 0, imageTokens: 577 });
  });

  it('reads SigLIP’s so400m, whose patches do not fill its image', () => {
    const vision = {
      model_type: 'siglip_vision_model',
      hidden_size: 1152,
      intermediate_size: 4304,
      num_hidden_layers: 27,
      num_attention_heads: 16,
      image_size: 384,
      patch_size: 14,
      vision_use_head: false,
    };
    const change = { vision_config: vision, vision_feature_select_strategy: 'full' };
    const config = parseLlavaConfig({ ...published, ...change }, 'config.json');
    expect(config).toMatchObject({ imageTokens: 27 * 27, featureLayer: 26 });
    expect(config.vision).toMatchObject({ family: 'siglip', activation: 'gelu_pytorch_tanh', epsilon: 1e-6 });
  });

  it('reads Mistral with its window, and Qwen2 with its biases and the layers of its window', () => {
    const mistral = withText({ model_type: 'mistral', num_hidden_layers: 2 }).text;
    expect(mistral).toMatchObject({ kvHeads: 8, intermediateSize: 14336, windows: [4096, 4096] });
    expect(withText({ model_type: 'mistral', sliding_window: null }).text.windows[0]).toBeUndefined();
    const qwen2 = { model_type: 'qwen2', num_hidden_layers: 4 };
    expect(withText(qwen2).text).toMatchObject({
      biases: { queryKeyValue: true, attentionOutput: false, mlp: false },
      windows: Array.from({ length: 4 }, () => undefined),
    });
    const windowed = { ...qwen2, use_sliding_window: true, sliding_window: 9, max_window_layers: 3 };
    expect(withText(windowed).text.windows).toEqual([undefined, undefined, undefined, 9]);
    expect(withText(qwen2).endTokenIds).toEqual([]);
    expect(withText({ ...qwen2, eos_token_id: [7, 8] }).endTokenIds).toEqual([7, 8]);
  });

  it('reads rotary scaling in its newer and its older spelling', () => {
    const llama3 = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const newer = withText({ rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...llama3 } }).text
      .rotary;
    expect(newer).toEqual({
      theta: 5e5,
      originalLength: 8192,
      scaling: { rope_type: 'llama3', rope_theta: 5e5, ...llama3 },
    });
    expect(
      withText({ rope_theta: 1e6, rope_scaling: { type: 'linear', factor: 2 } }).text.rotary,
    ).toMatchObject({
      theta: 1e6,
      scaling: { rope_type: 'linear', factor: 2 },
    });
  });

  it('passes over what changes nothing', () => {
    const dump = { _name_or_path: 'x', torch_dtype: 'float16', pretraining_tp: 1, bad_words_ids: null };
    expect(withText({ ...dump, pruned_heads: {}, quantization_config: null }).text.hiddenSize).toBe(4096);
  });

  it.each([
    [{ model_type: 'llava_next' }, 'model_type'],
    [{ vision_feature_select_strategy: 'cls' }, 'vision_feature_select_strategy'],
    [{ vision_feature_layer: [-2, -5] }, 'vision_feature_layer: expected one layer'],
    [{ use_image_newline: true }, 'use_image_newline: is not known here: its effect would be lost'],
    [{ quantization_config: { load_in_4bit: true } }, 'quantization_config: is not known here'],
    [{ vision_feature_layer: -30 }, 'vision_feature_layer: -30 is outside the 24 layers'],
    [{ vision_config: { ...published.vision_config, hidden_size: undefined } }, 'vision_config.hidden_size'],
    [{ vision_config: { ...published.vision_config, patch_size: 337 } }, 'larger than image_size 336'],
    [
      { vision_config: { ...published.vision_config, model_type: 'pixtral' } },
      'a vision tower of type pixtral is not known; known are clip_vision_model, siglip_vision_model',
    ],
    [
      { vision_config: { ...published.vision_config, attention_dropout: 0.1 } },
      'vision_config.attention_dropout: is not known here',
    ],
    [
      { vision_config: { ...published.vision_config, num_attention_heads: 15 } },
      'vision_config.num_attention_heads: 15 does not divide hidden_size 1024',
    ],
    [
      { text_config: { ...published.text_config, num_attention_heads: 30 } },
      'text_config.num_attention_heads: 30 does not divide hidden_size 4096',
    ],
    [
      { text_config: { ...published.text_config, num_key_value_heads: 5 } },
      'text_config.num_key_value_heads: 5 does not divide num_attention_heads 32',
    ],
    [{ text_config: { ...published.text_config, head_dim: 7 } }, 'text_config.head_dim: must be even'],
    [
      { text_config: { ...published.text_config, rope_scaling: { type: 'dynamic', factor: 2 } } },
      'text_config.rope_scaling.rope_type: dynamic depends on the longest text of a batch',
    ],
    [
      { text_config: { ...published.text_config, rope_scaling: { type: 'longrope', factor: 2 } } },
      'rotary positions of type longrope are not known; known are default, linear, llama3, yarn',
    ],
    [
      { text_config: { ...published.text_config, rope_scaling: { type: 'linear' } } },
      'text_config.rope_scaling.factor',
    ],
    [
      { text_config: { ...published.text_config, rope_parameters: { partial_rotary_factor: 0.5 } } },
      'text_config.rope_parameters.partial_rotary_factor',
    ],
    [
      { text_config: { ...published.text_config, model_type: 'gemma' } },
      'text_config.model_type: a decoder of type gemma is not known; known are llama, mistral, qwen2',
    ],
    [
      { text_config: { ...published.text_config, logit_softcapping: 30 } },
      'text_config.logit_softcapping: is not known here: its effect would be lost',
    ],
  ])('refuses %o', (change, message) => {
    expect(() => parseLlavaConfig({ ...published, ...change }, 'config.json')).toThrow(message);
    expect(() => parseLlavaConfig({ ...published, ...change }, 'config.json')).toThrow('config.json');
  });
});
