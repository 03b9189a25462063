"""Fixtures of one transformer layer: `llama-block` and `clip-block`. Not whole models: see llava_tiny.py."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import CLIPVisionConfig, LlamaConfig
from transformers.models.clip.modeling_clip import CLIPEncoderLayer
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

from common import gradients_of, normal, parameters_of, randomise, write_fixture

LLAMA_SEED = 11
CLIP_SEED = 12


def write_llama_block(folder: Path) -> None:
    config = LlamaConfig(
        hidden_size=32,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        num_hidden_layers=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        rms_norm_eps=1e-5,
        attn_implementation="eager",
    )
    lengths = [7, 5]
    batch, tokens = len(lengths), max(lengths)
    layer = LlamaDecoderLayer(config, layer_idx=0)
    randomise(layer, LLAMA_SEED)
    hidden_states = normal(LLAMA_SEED, "hidden_states", (batch, tokens, 32)).requires_grad_()
    attention_mask = torch.tensor([[int(token < length) for token in range(tokens)] for length in lengths])
    loss_weights = normal(LLAMA_SEED, "loss_weights", (batch, tokens, 32)) * attention_mask[:, :, None]

    causal = torch.ones(tokens, tokens).tril().bool()
    allowed = causal[None, None] & attention_mask[:, None, None, :].bool()  # [batch, 1, query, key]
    additive = torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)
    position_ids = torch.arange(tokens)[None]
    cosine, sine = LlamaRotaryEmbedding(config)(hidden_states, position_ids)
    output = layer(
        hidden_states, attention_mask=additive, position_ids=position_ids, position_embeddings=(cosine, sine)
    )
    (output * loss_weights).sum().backward()

    write_fixture(
        folder,
        {
            "hidden_states": hidden_states.detach(),
            "attention_mask": attention_mask.to(torch.int32),
            "loss_weights": loss_weights,
            **parameters_of(layer),
        },
        {
            "output": output.detach() * attention_mask[:, :, None],
            "rotary_cosine": cosine[0].detach(),
            "rotary_sine": sine[0].detach(),
            "gradients.hidden_states": hidden_states.grad,
            **gradients_of(layer),
        },
        {
            "fixture": "llama-block",
            "seed": LLAMA_SEED,
            "what": "One LlamaDecoderLayer, causal, right-padded rows. gradients.* are of sum(output * loss_weights); "
            "loss_weights and output are set to zero at padding.",
            "lengths": lengths,
            "config": {
                "hidden_size": 32,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "intermediate_size": 64,
                "rope_theta": 10000.0,
                "rms_norm_eps": config.rms_norm_eps,
                "hidden_act": config.hidden_act,
            },
        },
    )


def write_clip_block(folder: Path) -> None:
    config = CLIPVisionConfig(
        hidden_size=32,
        num_attention_heads=4,
        intermediate_size=64,
        num_hidden_layers=1,
        hidden_act="quick_gelu",
        attn_implementation="eager",
    )
    layer = CLIPEncoderLayer(config)
    randomise(layer, CLIP_SEED)
    hidden_states = normal(CLIP_SEED, "hidden_states", (2, 9, 32)).requires_grad_()
    loss_weights = normal(CLIP_SEED, "loss_weights", (2, 9, 32))
    output = layer(hidden_states, attention_mask=None)
    (output * loss_weights).sum().backward()

    write_fixture(
        folder,
        {"hidden_states": hidden_states.detach(), "loss_weights": loss_weights, **parameters_of(layer)},
        {"output": output.detach(), "gradients.hidden_states": hidden_states.grad, **gradients_of(layer)},
        {
            "fixture": "clip-block",
            "seed": CLIP_SEED,
            "what": "One CLIPEncoderLayer. gradients.* are of sum(output * loss_weights).",
            "vanishing": {
                "gradients.self_attn.k_proj.bias": "zero in exact arithmetic (softmax does not see a shift of all "
                "scores); what is stored is rounding, so compare it with zero, absolutely"
            },
            "config": {
                "hidden_size": 32,
                "num_attention_heads": 4,
                "intermediate_size": 64,
                "hidden_act": config.hidden_act,
                "layer_norm_eps": config.layer_norm_eps,
            },
        },
    )
