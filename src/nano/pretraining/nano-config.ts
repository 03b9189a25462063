// The embedded model's architecture: LLaVA-1.5 at about 7 million parameters, as config.json says it.

export const NANO_IMAGE = { size: 96, patch: 12, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

/** The contents of config.json for a vocabulary of the given size. */
export function nanoConfig({
  vocabularySize,
  imageTokenId,
  padTokenId,
}: {
  readonly vocabularySize: number;
  readonly imageTokenId: number;
  readonly padTokenId: number;
}): Record<string, unknown> {
  return {
    architectures: ['LlavaForConditionalGeneration'],
    model_type: 'llava',
    dtype: 'float16',
    image_token_index: imageTokenId,
    image_seq_length: (NANO_IMAGE.size / NANO_IMAGE.patch) ** 2,
    projector_hidden_act: 'gelu',
    multimodal_projector_bias: true,
    vision_feature_layer: -2,
    vision_feature_select_strategy: 'default',
    tie_word_embeddings: false,
    vision_config: {
      model_type: 'clip_vision_model',
      hidden_size: 192,
      intermediate_size: 768,
      num_hidden_layers: 6,
      num_attention_heads: 3,
      image_size: NANO_IMAGE.size,
      patch_size: NANO_IMAGE.patch,
      num_channels: 3,
      hidden_act: 'quick_gelu',
      layer_norm_eps: 1e-5,
      projection_dim: 192,
    },
    text_config: {
      model_type: 'llama',
      vocab_size: vocabularySize,
      hidden_size: 256,
      intermediate_size: 688,
      num_hidden_layers: 6,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      head_dim: 64,
      max_position_embeddings: 1024,
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

/** The contents of preprocessor_config.json: CLIP's transform at nano's size. */
export const nanoPreprocessor = {
  image_processor_type: 'CLIPImageProcessor',
  processor_class: 'LlavaProcessor',
  do_convert_rgb: true,
  do_resize: true,
  size: { shortest_edge: NANO_IMAGE.size },
  resample: 3,
  do_center_crop: true,
  crop_size: { height: NANO_IMAGE.size, width: NANO_IMAGE.size },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: NANO_IMAGE.mean,
  image_std: NANO_IMAGE.std,
} as const;

/** Nano's images have the model's size already, so the transform is the normalisation alone. [3, 96, 96]. */
export function normalisePixels(pixels: Uint8Array, target: Float32Array, offset: number): void {
  const plane = NANO_IMAGE.size ** 2;
  for (let channel = 0; channel < 3; channel++) {
    const mean = NANO_IMAGE.mean[channel] as number;
    const std = NANO_IMAGE.std[channel] as number;
    for (let i = 0; i < plane; i++) {
      target[offset + channel * plane + i] = ((pixels[i * 3 + channel] as number) / 255 - mean) / std;
    }
  }
}
