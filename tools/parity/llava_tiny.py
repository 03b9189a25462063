"""Fixture `llava-tiny`: a whole small LLaVA with LoRA: features, logits, loss, gradients, ten AdamW steps, generation.

The model is random and says nothing sensible; it only has every part of LLaVA-1.5 in the published folder layout.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from common import FIXTURES, Tensors, integers, normal, randomise, relative_difference, write_fixture

FIXTURE = FIXTURES / "llava-tiny"
SEED = 13
IMAGE_TOKEN, PADDING_TOKEN, IGNORED_LABEL, VOCABULARY, PATCHES = 90, 0, -100, 96, 16
LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "bias": "none"}
# A pattern and not a list of names: the vision tower has q_proj, k_proj and v_proj too.
LORA_TARGETS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
OPTIMISER = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
LORA_RATE, PROJECTOR_RATE, CLIP_NORM, STEPS, NEW_TOKENS = 1e-3, 2e-4, 1.0, 10, 12
LEAST_MARGIN = 0.02


def config() -> LlavaConfig:
    vision = CLIPVisionConfig(
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        image_size=24,
        patch_size=6,
        projection_dim=24,
        hidden_act="quick_gelu",
    )
    text = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=64,
        max_position_embeddings=256,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=PADDING_TOKEN,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=IMAGE_TOKEN,
        image_seq_length=PATCHES,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        attn_implementation="eager",
        dtype="float32",
    )


def _scale(name: str) -> float | None:
    if name.endswith("embed_tokens.weight"):
        return 0.7
    if name.endswith("class_embedding"):
        return 0.5
    return 0.4 if name == "lm_head.weight" else None


def base_model() -> LlavaForConditionalGeneration:
    model = LlavaForConditionalGeneration(config()).eval()
    randomise(model, SEED, _scale)
    model.generation_config.eos_token_id = None  # generation runs to its full length
    model.generation_config.pad_token_id = PADDING_TOKEN
    return model


def _row(name: str, before: int, turns: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Token ids and labels: `before` tokens, the image, then turns of (question tokens, answer tokens)."""
    words = iter(integers(SEED, f"words/{name}", 64, 3, IMAGE_TOKEN))
    ids = [1, *(next(words) for _ in range(before - 1)), *[IMAGE_TOKEN] * PATCHES]
    labels = [IGNORED_LABEL] * len(ids)
    for question, answer in turns:
        for length, answers in ((question, False), (answer, True)):
            span = [next(words) for _ in range(length)]
            ids += span
            labels += span if answers else [IGNORED_LABEL] * length
    return ids, labels


def batch() -> Tensors:
    """Two right-padded rows of different length, the image at different places, the first row with two answers."""
    rows = [_row("first", 3, [(4, 2), (2, 3)]), _row("second", 1, [(3, 4)])]
    longest = max(len(ids) for ids, _ in rows)
    pad = lambda values, filler: values + [filler] * (longest - len(values))
    return {
        "pixel_values": normal(SEED, "pixel_values", (2, 3, 24, 24)),
        "input_ids": torch.tensor([pad(ids, PADDING_TOKEN) for ids, _ in rows]),
        "attention_mask": torch.tensor([pad([1] * len(ids), 0) for ids, _ in rows]),
        "labels": torch.tensor([pad(labels, IGNORED_LABEL) for _, labels in rows]),
    }


def read_inputs(folder: Path = FIXTURE) -> Tensors:
    """The batch as committed, with the 64-bit ids that torch wants."""
    stored = load_file(folder / "inputs.safetensors")
    return {name: value.long() if value.dtype == torch.int32 else value for name, value in stored.items()}


def with_lora(base: LlavaForConditionalGeneration) -> PeftModel:
    """LoRA with random A and B (a zero B would hide A's gradient) and a projector that trains."""
    model = get_peft_model(base, LoraConfig(target_modules=LORA_TARGETS, **LORA))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A" in name:
                parameter.copy_(normal(SEED, name, tuple(parameter.shape), parameter.shape[1] ** -0.5))
            elif "lora_B" in name:
                parameter.copy_(normal(SEED, name, tuple(parameter.shape), 0.15))
            elif "multi_modal_projector" in name:
                parameter.requires_grad_(True)
    return model.eval()


def trainable_under_file_names(model: PeftModel, saved_names: set[str]) -> dict[str, torch.nn.Parameter]:
    """Trainable parameters by their names on disk: PEFT's for the adapter, the model file's for the projector."""
    named: dict[str, torch.nn.Parameter] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if "lora_" in name:
            named[name.replace(".default.", ".")] = parameter
        else:
            suffix = name[name.index("multi_modal_projector") :]
            (saved,) = [key for key in saved_names if key.endswith(suffix)]
            named[saved] = parameter
    assert set(get_peft_model_state_dict(model)) == {name for name in named if "lora_" in name}
    return named


def masked_logits(model: torch.nn.Module, inputs: Tensors) -> torch.Tensor:
    """Logits [batch, tokens, vocabulary], zero at padding."""
    forward = {name: inputs[name] for name in ("pixel_values", "input_ids", "attention_mask")}
    with torch.no_grad():
        return model(**forward).logits * inputs["attention_mask"][:, :, None]


def _train(model: PeftModel, inputs: Tensors, named: dict[str, torch.nn.Parameter]) -> dict[str, list[float]]:
    optimiser = torch.optim.AdamW(
        [
            {"params": [value for name, value in named.items() if "lora_" in name], "lr": LORA_RATE},
            {"params": [value for name, value in named.items() if "lora_" not in name], "lr": PROJECTOR_RATE},
        ],
        **OPTIMISER,
    )
    losses, norms = [], []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = model(**inputs).loss
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(list(named.values()), CLIP_NORM)))
        losses.append(float(loss.detach()))
        optimiser.step()
    return {"losses": losses, "gradient_norms": norms}


def _generate(model: PeftModel, prompt: list[int], pixel_values: torch.Tensor | None) -> dict[str, object]:
    result = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        **({} if pixel_values is None else {"pixel_values": pixel_values}),
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    generated = result.sequences[0, len(prompt) :].tolist()
    best = torch.stack([logits[0].topk(2).values for logits in result.logits])
    margin = float((best[:, 0] - best[:, 1]).min())
    assert len(generated) == NEW_TOKENS and margin > LEAST_MARGIN, (generated, margin)
    assert len(set(generated)) > 3, generated
    return {"prompt": prompt, "generated": generated, "least_margin": margin}


def write_llava_tiny(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    base = base_model()
    base.save_pretrained(folder / "model")
    reread = LlavaForConditionalGeneration.from_pretrained(folder / "model", attn_implementation="eager")
    inputs = batch()
    base_logits = masked_logits(base, inputs)
    assert torch.equal(base_logits, masked_logits(reread, inputs))
    saved_names = _names_in(folder / "model" / "model.safetensors")

    with torch.no_grad():
        hidden_states = base.model.vision_tower(inputs["pixel_values"], output_hidden_states=True).hidden_states
        vision_features = hidden_states[-2][:, 1:]  # [image, patch, vision]
        projected_features = base.model.multi_modal_projector(vision_features)
        library = torch.stack(list(base.get_image_features(inputs["pixel_values"]).pooler_output))
        assert torch.equal(library, projected_features)

    model = with_lora(base)
    named = trainable_under_file_names(model, saved_names)
    model.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    expected: Tensors = {
        "vision_features": vision_features,
        "projected_features": projected_features,
        "base_logits": base_logits,
        "logits": masked_logits(model, inputs),
    }
    assert relative_difference(expected["logits"], base_logits) > 0.1  # the adapter is at work

    graph_loss = model(**inputs).loss
    graph_loss.backward()
    loss = float(graph_loss.detach())
    answers = inputs["labels"][:, 1:] != IGNORED_LABEL
    by_hand = torch.nn.functional.cross_entropy(expected["logits"][:, :-1][answers], inputs["labels"][:, 1:][answers])
    assert abs(loss - float(by_hand)) < 1e-6
    for name, parameter in named.items():
        assert parameter.grad is not None and float(parameter.grad.norm()) > 1e-3, name
        expected[f"gradients.{name}"] = parameter.grad.clone()

    first_prompt = inputs["input_ids"][0, : 3 + PATCHES + 4].tolist()
    text_prompt = [1, *integers(SEED, "text_prompt", 8, 3, IMAGE_TOKEN)]
    generation = {
        "with_image": {"pixel_values_row": 0, **_generate(model, first_prompt, inputs["pixel_values"][:1])},
        "without_image": _generate(model, text_prompt, None),
    }

    training = _train(model, inputs, named)
    assert abs(training["losses"][0] - loss) < 1e-7
    expected |= {f"trained.{name}": parameter.detach().clone() for name, parameter in named.items()}
    expected["trained_logits"] = masked_logits(model, inputs)

    whole = {name: value.to(torch.int32) if value.dtype == torch.int64 else value for name, value in inputs.items()}
    write_fixture(
        folder,
        whole,
        expected,
        {
            "fixture": "llava-tiny",
            "seed": SEED,
            "what": "LlavaForConditionalGeneration (model/) with a PEFT LoRA (adapter/) and a trainable projector. "
            "base_logits: without the adapter; logits: with it; trained_logits: after the training steps. "
            "Logits are zero at padding. gradients.NAME and trained.NAME use the names in adapter_model.safetensors "
            "and model.safetensors.",
            "loss": loss,
            "answer_tokens": int(answers.sum()),
            "lora": LORA,
            "training": {
                "optimiser": "AdamW, decoupled decay on every trained tensor, same batch each step",
                "betas": list(OPTIMISER["betas"]),
                "epsilon": OPTIMISER["eps"],
                "weight_decay": OPTIMISER["weight_decay"],
                "lora_learning_rate": LORA_RATE,
                "projector_learning_rate": PROJECTOR_RATE,
                "clip_norm": CLIP_NORM,
                "steps": STEPS,
                **training,
            },
            "generation": {"rule": "greedy, adapter before training, no end token", **generation},
        },
    )


def _names_in(path: Path) -> set[str]:
    with safe_open(path, framework="pt") as file:
        return set(file.keys())
