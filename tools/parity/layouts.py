"""Fixtures `layouts/NAME`: a small LLaVA in every layout that is read, and what transformers and PEFT compute with it.

    python tools/parity/layouts.py                       rewrites test/fixtures/parity/layouts
    python tools/parity/layouts.py --out DIR --seed N    others of the same kind, for the live comparison (live.mjs)

The numbers always come from LlavaForConditionalGeneration in float32, with weights rounded to what the files hold; only
the way in which the weights are written differs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

sys.dont_write_bytecode = True

from common import FIXTURES, Tensors, integers, normal, randomise, versions, write_json  # noqa: E402

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    MistralConfig,
    Qwen2Config,
    SiglipVisionConfig,
)

VOCABULARY, IMAGE_TOKEN, IMAGES, PROMPTS, NEW_TOKENS = 48, 47, 3, 50, 6
LOGIT_PROMPTS, ANSWER_TOKENS = 4, 4
LORA = {"r": 2, "lora_alpha": 4, "lora_dropout": 0.0, "bias": "none"}
LORA_TARGETS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
BETAS, EPSILON, DECAY, CLIP_NORM, STEPS = (0.9, 0.999), 1e-8, 0.01, 1.0, 10
LORA_RATE, PROJECTOR_RATE = 1e-3, 2e-4
# Stands for the image in committed prompts; each program has its own token for it.
IMAGE_MARK = -1
LEAST_MARGIN = 2e-3

CLIP = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 12,
    "patch_size": 6,
    "projection_dim": 8,
}
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 128,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
PLAIN_ROPE = {"rope_type": "default", "rope_theta": 10000.0}

State = dict[str, torch.Tensor]


@dataclass
class Layout:
    """How a model is made and written. `write` gets a folder and the weights by their names in memory."""

    name: str
    write: Callable[[Path, State, LlavaConfig], None]
    text: object = None
    vision: object = None
    dtype: torch.dtype = torch.float32
    folder: str = "model"
    options: dict = field(default_factory=dict)

    def config(self) -> LlavaConfig:
        return LlavaConfig(
            vision_config=self.vision or CLIPVisionConfig(**CLIP),
            text_config=self.text or LlamaConfig(**TEXT, rms_norm_eps=1e-5, rope_parameters=dict(PLAIN_ROPE)),
            image_token_index=IMAGE_TOKEN,
            attn_implementation="eager",
            dtype="float32",
            **self.options,
        )


def rename(state: State, pairs: list[tuple[str, str]]) -> State:
    """Each name with the first prefix that fits exchanged."""
    renamed = {}
    for name, tensor in state.items():
        old, new = next(pair for pair in pairs if name.startswith(pair[0]))
        renamed[new + name[len(old) :]] = tensor.contiguous().clone()
    return renamed


def shards(state: State, count: int) -> list[State]:
    names = sorted(state)
    return [{name: state[name] for name in names[i::count]} for i in range(count)]


def write_index(folder: Path, whole: str, parts: dict[str, State]) -> None:
    weight_map = {name: file for file, part in parts.items() for name in part}
    total = sum(tensor.numel() * tensor.element_size() for part in parts.values() for tensor in part.values())
    write_json(folder / f"{whole}.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


def write_safetensors(folder: Path, state: State, count: int = 1) -> None:
    if count == 1:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    parts = {f"model-{i + 1:05}-of-{count:05}.safetensors": part for i, part in enumerate(shards(state, count))}
    for file, part in parts.items():
        save_file(part, folder / file, metadata={"format": "pt"})
    write_index(folder, "model.safetensors", parts)


def write_bins(folder: Path, state: State, count: int, older: int = 0) -> None:
    """PyTorch's own files; the first `older` of them in the stream format from before 1.6."""
    parts = {f"pytorch_model-{i + 1:05}-of-{count:05}.bin": part for i, part in enumerate(shards(state, count))}
    for i, (file, part) in enumerate(parts.items()):
        torch.save(part, folder / file, _use_new_zipfile_serialization=i >= older)
    write_index(folder, "pytorch_model.bin", parts)


HUB = [
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
]
PREFIXED = [
    ("model.vision_tower.", "model.vision_tower.vision_model."),
    ("model.multi_modal_projector.", "model.multi_modal_projector."),
    ("model.language_model.", "model.language_model."),
    ("lm_head.", "lm_head."),
]
DECODER = [("model.language_model.", "model."), ("lm_head.", "lm_head.")]
PROJECTOR = [
    ("model.multi_modal_projector.linear_1.", "model.mm_projector.0."),
    ("model.multi_modal_projector.linear_2.", "model.mm_projector.2."),
]
TOWER_INSIDE = [("model.vision_tower.", "model.vision_tower.vision_tower.vision_model.")]
TOWER = [("model.vision_tower.", "vision_model.")]


def only(state: State, *prefixes: str) -> State:
    return {name: tensor for name, tensor in state.items() if name.startswith(prefixes)}


def without_tied_head(state: State, config: LlavaConfig) -> State:
    tied = config.text_config.tie_word_embeddings
    return {name: tensor for name, tensor in state.items() if not (tied and name.startswith("lm_head."))}


def as_published(config: LlavaConfig) -> dict:
    """The short config.json that llava-hf published: what is LLaMA's default is left out, as in the older versions."""
    text = config.text_config
    return {
        "architectures": ["LlavaForConditionalGeneration"],
        "ignore_index": -100,
        "image_token_index": IMAGE_TOKEN,
        "model_type": "llava",
        "pad_token_id": 0,
        "projector_hidden_act": "gelu",
        "text_config": {
            "_name_or_path": "lmsys/vicuna-7b-v1.5",
            "architectures": ["LlamaForCausalLM"],
            **{key: getattr(text, key) for key in ("max_position_embeddings", "rms_norm_eps", "vocab_size")},
            **{key: TEXT[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")},
            "model_type": "llama",
            "torch_dtype": "float16",
        },
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "transformers_version": "4.36.0.dev0",
        "vision_config": {**CLIP, "model_type": "clip_vision_model", "vocab_size": 32000},
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
    }


def as_llama(config: LlavaConfig) -> dict:
    """The config.json of Vicuna 1.5."""
    return {
        "_name_or_path": "vicuna-7b-v1.5",
        "architectures": ["LlamaForCausalLM"],
        **TEXT,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "model_type": "llama",
        "pretraining_tp": 1,
        "rms_norm_eps": config.text_config.rms_norm_eps,
        "rope_scaling": None,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "transformers_version": "4.31.0",
        "use_cache": True,
    }


def as_original(config: LlavaConfig, tower: str) -> dict:
    """The config.json of liuhaotian/llava-v1.5-7b."""
    return {
        **as_llama(config),
        "_name_or_path": "llava-v1.5-7b",
        "architectures": ["LlavaLlamaForCausalLM"],
        "freeze_mm_mlp_adapter": False,
        "freeze_mm_vision_resampler": False,
        "image_aspect_ratio": "pad",
        "mm_hidden_size": CLIP["hidden_size"],
        "mm_projector_type": "mlp2x_gelu",
        "mm_resampler_type": None,
        "mm_use_im_patch_token": False,
        "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": tower,
        "model_type": "llava",
        "tune_mm_mlp_adapter": False,
        "tune_mm_vision_resampler": False,
        "unfreeze_mm_vision_tower": False,
        "use_mm_proj": True,
    }


def write_clip(folder: Path, state: State, weights: bool = True) -> None:
    """A CLIP folder with both halves, as openai published: nested config, .bin, a projection that is not contiguous."""
    folder.mkdir(parents=True)
    vision = {**CLIP, "attention_dropout": 0.0, "dropout": 0.0, "hidden_act": "quick_gelu", "model_type": "clip_vision_model"}
    config = {
        "architectures": ["CLIPModel"],
        "logit_scale_init_value": 2.6592,
        "model_type": "clip",
        "projection_dim": CLIP["projection_dim"],
        "text_config": {"hidden_size": 8, "model_type": "clip_text_model"},
        "text_config_dict": None,
        "vision_config": {**vision, "pruned_heads": {}, "use_bfloat16": False},
        "vision_config_dict": {key: CLIP[key] for key in ("hidden_size", "image_size", "num_hidden_layers")},
    }
    write_json(folder / "config.json", config)
    if not weights:
        return
    tower = rename(only(state, "model.vision_tower."), TOWER)
    tower["vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    tower["text_model.embeddings.token_embedding.weight"] = torch.ones(3, 8)
    tower["visual_projection.weight"] = torch.ones(16, 8).t()
    tower["logit_scale"] = torch.tensor(2.0)
    torch.save(tower, folder / "pytorch_model.bin")


def write_hub(folder: Path, state: State, config: LlavaConfig) -> None:
    write_json(folder / "config.json", as_published(config))
    write_safetensors(folder, rename(state, HUB), 3)


def write_prefixed(folder: Path, state: State, config: LlavaConfig) -> None:
    config.save_pretrained(folder)
    write_safetensors(folder, rename(without_tied_head(state, config), PREFIXED))


def write_original(folder: Path, state: State, config: LlavaConfig) -> None:
    llava = folder / "llava"
    llava.mkdir()
    write_json(llava / "config.json", as_original(config, "openai/tiny-clip"))
    whole = rename(state, [*PROJECTOR, *TOWER_INSIDE, *DECODER])
    for i in range(2):
        whole[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = torch.ones(2)
    write_bins(llava, whole, 2)
    write_clip(folder / "tiny-clip", state, weights=False)


def write_tower_apart(folder: Path, state: State, config: LlavaConfig) -> None:
    llava = folder / "llava"
    llava.mkdir()
    write_json(llava / "config.json", as_original(config, "openai/tiny-clip"))
    parts = only(state, "model.multi_modal_projector.", "model.language_model.", "lm_head.")
    write_safetensors(llava, rename(parts, [*PROJECTOR, *DECODER]), 2)
    write_clip(folder / "tiny-clip", state)


def write_composition(folder: Path, state: State, config: LlavaConfig) -> None:
    """CoIN's own base: Vicuna, the projector of LLaVA's pretraining stage, CLIP."""
    vicuna = folder / "vicuna"
    vicuna.mkdir()
    write_json(vicuna / "config.json", as_llama(config))
    write_bins(vicuna, rename(only(state, "model.language_model.", "lm_head."), DECODER), 2, older=1)
    torch.save(rename(only(state, "model.multi_modal_projector."), PROJECTOR), folder / "mm_projector.bin")
    write_clip(folder / "clip", state)
    parts = {"decoder": "vicuna", "projector": "mm_projector.bin", "vision": "clip"}
    (folder / "coin-model.yaml").write_text("".join(f"{key}: {value}\n" for key, value in parts.items()))


def write_saved(folder: Path, state: State, config: LlavaConfig) -> None:
    """As the installed transformers saves it."""
    model = LlavaForConditionalGeneration(config)
    model.load_state_dict(state)
    model.to(next(iter(state.values())).dtype).save_pretrained(folder)


def layouts() -> list[Layout]:
    llama3 = {
        "rope_type": "llama3",
        "rope_theta": 1000.0,
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }
    yarn = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 4.0}
    grouped = {**TEXT, "num_key_value_heads": 2}
    siglip = {key: value for key, value in CLIP.items() if key != "projection_dim"}
    return [
        Layout("hub", write_hub, dtype=torch.float16),
        Layout(
            "prefixed-llama3",
            write_prefixed,
            text=LlamaConfig(**grouped, rope_parameters=llama3, tie_word_embeddings=True),
            dtype=torch.bfloat16,
        ),
        Layout("original", write_original, dtype=torch.float16, folder="model/llava"),
        Layout("original-tower-apart", write_tower_apart, dtype=torch.float32, folder="model/llava"),
        Layout("composition", write_composition, dtype=torch.float16),
        Layout(
            "qwen2-siglip",
            write_saved,
            text=Qwen2Config(
                **grouped,
                rope_parameters=dict(PLAIN_ROPE),
                tie_word_embeddings=True,
                use_sliding_window=True,
                sliding_window=5,
                max_window_layers=1,
            ),
            # A pixel is left over at the right and below.
            vision=SiglipVisionConfig(**{**siglip, "image_size": 13}, vision_use_head=False),
            options={"vision_feature_select_strategy": "full", "vision_feature_layer": -1},
        ),
        Layout(
            "mistral-yarn",
            write_saved,
            text=MistralConfig(**grouped, head_dim=6, sliding_window=5, rope_parameters=yarn),
            vision=CLIPVisionConfig(**CLIP, hidden_act="gelu"),
            dtype=torch.bfloat16,
            options={"vision_feature_layer": 1},
        ),
        Layout(
            "biased-linear",
            write_saved,
            text=LlamaConfig(
                **TEXT,
                attention_bias=True,
                mlp_bias=True,
                rope_parameters={"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0},
            ),
            options={"vision_feature_select_strategy": "full"},
        ),
    ]


class Numbers:
    """Everything that transformers and PEFT compute for one layout."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout, self.seed = layout, seed
        self.config = layout.config()
        self.model = LlavaForConditionalGeneration(self.config).eval()
        randomise(self.model, seed, lambda name: 0.6 if "embed_tokens" in name or name == "lm_head.weight" else None)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(parameter.to(layout.dtype).float())
        self.model.tie_weights()
        self.model.generation_config.eos_token_id = 2
        self.model.generation_config.pad_token_id = 0
        self.state = {name: value.detach().to(layout.dtype) for name, value in self.model.state_dict().items()}
        size = self.config.vision_config.image_size
        self.pixels = normal(seed, f"{layout.name}/pixels", (IMAGES, 3, size, size))
        with torch.no_grad():
            self.features = self.model.get_image_features(self.pixels[:1]).pooler_output[0].shape[0]

    def tokens(self, prompt: list[int]) -> list[int]:
        return [token for one in prompt for token in ([IMAGE_TOKEN] * self.features if one == IMAGE_MARK else [one])]

    def feeds(self, prompt: list[int], image: int | None) -> Tensors:
        ids = torch.tensor([self.tokens(prompt)])
        pixels = {} if image is None else {"pixel_values": self.pixels[image : image + 1]}
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **pixels}

    def prompts(self) -> list[dict]:
        """Prompts with and without an image whose answers are clear: the best logit leads by a margin at every token."""
        found = []
        for number in range(20 * PROMPTS):
            name = f"{self.layout.name}/prompt/{number}"
            (length,) = integers(self.seed, f"{name}/length", 1, 3, 15)
            prompt = [1, *integers(self.seed, name, length, 3, IMAGE_TOKEN)]
            image = None if len(found) % 2 else len(found) // 2 % IMAGES
            if image is not None:
                (place,) = integers(self.seed, f"{name}/place", 1, 1, length + 1)
                prompt.insert(place, IMAGE_MARK)
            result = self.model.generate(
                **self.feeds(prompt, image),
                max_new_tokens=NEW_TOKENS,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
            )
            answer = result.sequences[0, len(self.tokens(prompt)) :].tolist()
            best = torch.stack([logits[0].topk(2).values for logits in result.logits])
            if float((best[:, 0] - best[:, 1]).min()) < LEAST_MARGIN:
                continue
            found.append({"ids": prompt, "image": image, "answer": answer[: answer.index(2)] if 2 in answer else answer})
            if len(found) == PROMPTS:
                assert len({str(one["answer"]) for one in found}) > PROMPTS // 3, "the answers are all the same"
                return found
        raise AssertionError("too few clear prompts")

    def logits(self, prompts: list[dict]) -> Tensors:
        with torch.no_grad():
            return {
                f"logits.{i}": self.model(**self.feeds(one["ids"], one["image"])).logits[0]
                for i, one in enumerate(prompts[:LOGIT_PROMPTS])
            }

    def training(self, prompt: dict) -> tuple[Tensors, dict]:
        """LoRA's gradients and ten AdamW steps on one prompt, whose last tokens are its answer."""
        model = get_peft_model(self.model, LoraConfig(target_modules=LORA_TARGETS, **LORA)).eval()
        named = {}
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                shape = tuple(parameter.shape)
                if "lora_A" in name:
                    parameter.copy_(normal(self.seed, name, shape, shape[1] ** -0.5))
                elif "lora_B" in name:
                    parameter.copy_(normal(self.seed, name, shape, 0.15))
                elif "multi_modal_projector" in name:
                    parameter.requires_grad_(True)
                else:
                    continue
                named[name.removeprefix("base_model.model.").replace(".default.", ".")] = parameter
        tensors: Tensors = {f"initial.{name}": value.detach().clone() for name, value in named.items()}
        feeds = self.feeds(prompt["ids"], prompt["image"])
        labels = feeds["input_ids"].clone()
        labels[:, :-ANSWER_TOKENS] = -100
        optimiser = torch.optim.AdamW(
            [
                {"params": [value for name, value in named.items() if "lora_" in name], "lr": LORA_RATE},
                {"params": [value for name, value in named.items() if "lora_" not in name], "lr": PROJECTOR_RATE},
            ],
            betas=BETAS,
            eps=EPSILON,
            weight_decay=DECAY,
        )
        losses, norms = [], []
        for step in range(STEPS):
            optimiser.zero_grad()
            loss = model(**feeds, labels=labels).loss
            loss.backward()
            if step == 0:
                tensors |= {f"gradients.{name}": value.grad.clone() for name, value in named.items()}
            norms.append(float(torch.nn.utils.clip_grad_norm_(list(named.values()), CLIP_NORM)))
            losses.append(float(loss.detach()))
            optimiser.step()
        tensors |= {f"trained.{name}": value.detach().clone() for name, value in named.items()}
        return tensors, {"losses": losses, "gradient_norms": norms}


def write_layout(folder: Path, layout: Layout, seed: int) -> None:
    numbers = Numbers(layout, seed)
    (folder / "model").mkdir(parents=True)
    layout.write(folder / "model", numbers.state, numbers.config)
    for path in folder.rglob("generation_config.json"):
        path.unlink()
    prompts = numbers.prompts()
    # The training prompt: with an image, and with a token before its answer.
    trained = next(one for one in prompts if one["image"] is not None and IMAGE_MARK not in one["ids"][-ANSWER_TOKENS - 1 :])
    expected = {"pixels": numbers.pixels, **numbers.logits(prompts)}
    tensors, training = numbers.training(trained)
    save_file({name: tensor.contiguous() for name, tensor in {**expected, **tensors}.items()}, folder / "expected.safetensors")
    meta = {
        "versions": versions(),
        "seed": seed,
        "folder": layout.folder,
        "image_features": numbers.features,
        "prompts": "token ids, -1 for the image; answers are greedy, without the end token",
        "lora": LORA,
        "training": {
            "prompt": prompts.index(trained),
            "answer_tokens": ANSWER_TOKENS,
            "betas": list(BETAS),
            "epsilon": EPSILON,
            "weight_decay": DECAY,
            "clip_norm": CLIP_NORM,
            "lora_learning_rate": LORA_RATE,
            "projector_learning_rate": PROJECTOR_RATE,
            **training,
        },
        "max_new_tokens": NEW_TOKENS,
    }
    text = json.dumps(meta, indent=2)
    rows = ",\n".join(f"    {json.dumps(one)}" for one in prompts)
    (folder / "meta.json").write_text(text.replace(json.dumps(meta["prompts"]), f"[\n{rows}\n  ]") + "\n")


def write_layouts(folder: Path, seed: int = 29) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for layout in layouts():
        write_layout(folder / layout.name, layout, seed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES / "layouts")
    parser.add_argument("--seed", type=int, default=29)
    options = parser.parse_args()
    write_layouts(options.out, options.seed)
    for folder in sorted(options.out.iterdir()):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{size:>8}  {folder.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
