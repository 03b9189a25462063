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
      ropeTheta: 10000,
      tiedEmbeddings: false,
    });
    expect(config.vision).toMatchObject({ layers: 24, heads: 16, activation: 'quick_gelu', epsilon: 1e-5 });
    expect(config).toMatchObject({ imageTokenId: 32000, featureLayer: 23, imageTokens: 576 });
  });

  it.each([
    [{ model_type: 'llava_next' }, 'model_type'],
    [{ vision_feature_select_strategy: 'full' }, 'vision_feature_select_strategy'],
    [{ vision_feature_layer: -30 }, 'vision_feature_layer: -30 is outside the 24 layers'],
    [{ vision_config: { ...published.vision_config, hidden_size: undefined } }, 'vision_config.hidden_size'],
    [{ vision_config: { ...published.vision_config, patch_size: 15 } }, 'does not divide image_size 336'],
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
      { text_config: { ...published.text_config, rope_scaling: { type: 'linear', factor: 2 } } },
      'rotary scaling is not supported',
    ],
    [{ text_config: { ...published.text_config, model_type: 'mistral' } }, 'text_config.model_type'],
  ])('refuses %o', (change, message) => {
    expect(() => parseLlavaConfig({ ...published, ...change }, 'config.json')).toThrow(message);
    expect(() => parseLlavaConfig({ ...published, ...change }, 'config.json')).toThrow('config.json');
  });
});
