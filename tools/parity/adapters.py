"""Fixtures `adapters/NAME`: adapters of the `llava-tiny` model as PEFT and CoIN save them, each with its logits.

One folder for each way in which adapters in the wild differ: ranks and alphas by layer, some layers only, rank-stabilised
scales, a projector saved whole, the module paths of older transformers in a PyTorch file, every linear layer, CoIN's experts.
Not run here: the original LLaVA's layout, whose classes transformers does not have; its names are those of `coin-moelora`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import LlavaForConditionalGeneration

from common import Tensors, normal, relative_difference, versions, write_json
from llava_tiny import FIXTURE, masked_logits, read_inputs

SEED = 21
DECODER = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
EXPERTS, RANK, ALPHA = 4, 8, 16.0

PEFT_ADAPTERS: dict[str, dict[str, object]] = {
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": DECODER,
        "exclude_modules": r".*layers\.0\.mlp\.up_proj",
        "rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\.down_proj": 6, "model.language_model.layers.0.mlp.gate_proj": 3},
        "alpha_pattern": {"q_proj": 5, "o_proj": 12.5},
        "use_rslora": True,
    },
    "some-layers": {
        "r": 3,
        "lora_alpha": 6,
        "lora_dropout": 0.1,
        "target_modules": ["q_proj", "v_proj", "mlp.down_proj"],
        "exclude_modules": r".*vision_tower.*",
        "layers_to_transform": [1],
        "modules_to_save": ["multi_modal_projector"],
    },
    "all-linear": {"r": 2, "lora_alpha": 4, "target_modules": "all-linear"},
    "tied-head": {"r": 2, "lora_alpha": 4, "target_modules": ["lm_head"]},
}
TIED = "tied-head"  # of the same model, its head one with the embeddings


def model_with(settings: dict[str, object], tied: bool = False) -> torch.nn.Module:
    base = LlavaForConditionalGeneration.from_pretrained(FIXTURE / "model", attn_implementation="eager").eval()
    if tied:
        base.lm_head.weight = base.model.language_model.embed_tokens.weight
    model = get_peft_model(base, LoraConfig(**settings)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A" in name:
                parameter.copy_(normal(SEED, name, tuple(parameter.shape), parameter.shape[1] ** -0.5))
            elif "lora_B" in name:
                parameter.copy_(normal(SEED, name, tuple(parameter.shape), 0.3))
            elif "modules_to_save" in name:
                parameter.add_(normal(SEED, name, tuple(parameter.shape), 0.05))
    return model


def write_peft(folder: Path, settings: dict[str, object], inputs: Tensors) -> None:
    tied = folder.name == TIED
    model = model_with(settings, tied)
    logits = masked_logits(model, inputs)
    with tempfile.TemporaryDirectory() as aside:
        model.save_pretrained(aside)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copy(Path(aside) / name, folder / name)
    # Lists that PEFT keeps as sets come in any order; the fixture must not.
    config = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": None}
    for key, value in config.items():
        if isinstance(value, list):
            config[key] = sorted(value)
    write_json(folder / "adapter_config.json", config)
    save_file({"logits": logits}, folder / "expected.safetensors")
    if tied:  # merging would change the embeddings, too
        return
    merged = masked_logits(model.merge_and_unload(), inputs)
    assert relative_difference(merged, logits) < 1e-4


def write_older_spelling(folder: Path, source: Path) -> None:
    """The adapter `source` under the module paths before transformers 4.52, in a PyTorch file."""
    tensors = {
        name.replace("model.model.language_model.", "model.language_model.model.").replace(
            "model.model.multi_modal_projector.", "model.multi_modal_projector."
        ): value
        for name, value in load_file(source / "adapter_model.safetensors").items()
    }
    torch.save(tensors, folder / "adapter_model.bin")
    shutil.copy(source / "adapter_config.json", folder / "adapter_config.json")
    shutil.copy(source / "expected.safetensors", folder / "expected.safetensors")


class Experts(torch.nn.Module):
    """A linear layer with CoIN's MoELoRA, from the formula; see `moelora_tiny.py`."""

    def __init__(self, base: torch.nn.Linear, path: str) -> None:
        super().__init__()
        self.base, self.path = base, path
        inputs, outputs = base.in_features, base.out_features
        draw = lambda name, shape, scale: normal(SEED, f"{path}.{name}", shape, scale)
        self.router = draw("router", (EXPERTS, inputs), inputs**-0.5)
        self.lora_A = [draw(f"A.{e}", (RANK // EXPERTS, inputs), inputs**-0.5) for e in range(EXPERTS)]
        self.lora_B = [draw(f"B.{e}", (outputs, RANK // EXPERTS), 0.3) for e in range(EXPERTS)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = (x @ self.router.T).softmax(dim=-1)
        update = sum(gate[..., e : e + 1] * (x @ self.lora_A[e].T @ self.lora_B[e].T) for e in range(EXPERTS))
        return self.base(x) + (ALPHA / RANK) * update

    def saved(self) -> Tensors:
        path = f"base_model.model.{self.path.replace('model.language_model.', 'model.')}"
        tensors = {f"{path}.lora_router.weight": self.router}
        for expert in range(EXPERTS):
            # The reference registers an expert's matrix under two names; a state by parameters has the first only.
            tensors[f"{path}.lora_A.loraA.{expert}.weight"] = self.lora_A[expert]
            tensors[f"{path}.lora_B.loraB.{expert}.weight"] = self.lora_B[expert]
            if "layers.1." in path:
                tensors[f"{path}.lora_A.loraA.{expert}.mlp.weight"] = self.lora_A[expert]
                tensors[f"{path}.lora_B.loraB.{expert}.mlp.weight"] = self.lora_B[expert]
        return tensors


def write_coin(folder: Path, inputs: Tensors) -> None:
    """What CoIN saves after a task of LLaVA: the experts in float16, the projector beside them."""
    model = LlavaForConditionalGeneration.from_pretrained(FIXTURE / "model", attn_implementation="eager").eval()
    tensors: Tensors = {}
    for layer, block in enumerate(model.model.language_model.layers):
        for parent, name in [(block.self_attn, f"{p}_proj") for p in "qkvo"] + [
            (block.mlp, f"{p}_proj") for p in ("gate", "up", "down")
        ]:
            module = "self_attn" if parent is block.self_attn else "mlp"
            path = f"model.language_model.layers.{layer}.{module}.{name}"
            experts = Experts(getattr(parent, name), path)
            for kept in (experts.lora_A, experts.lora_B):
                kept[:] = [value.half().float() for value in kept]
            experts.router = experts.router.half().float()
            setattr(parent, name, experts)
            tensors |= experts.saved()
    projector: Tensors = {}
    with torch.no_grad():
        for index, layer in ((0, "linear_1"), (2, "linear_2")):
            for part in ("weight", "bias"):
                parameter = getattr(getattr(model.model.multi_modal_projector, layer), part)
                parameter.add_(normal(SEED, f"projector.{layer}.{part}", tuple(parameter.shape), 0.05))
                parameter.copy_(parameter.half().float())
                projector[f"base_model.model.model.mm_projector.{index}.{part}"] = parameter.detach().half()
    torch.save({name: value.half() for name, value in tensors.items()}, folder / "adapter_model.bin")
    torch.save(projector, folder / "non_lora_trainables.bin")
    names = [f"{p}_proj" for p in ("down", "gate", "k", "o", "q", "up", "v")]
    write_json(
        folder / "adapter_config.json",
        {
            "base_model_name_or_path": "./checkpoints/LLaVA/Vicuna/vicuna-7b-v1.5",
            "bias": "none",
            "expert_num": EXPERTS,
            "fan_in_fan_out": False,
            "inference_mode": True,
            "init_lora_weights": True,
            "layers_pattern": None,
            "layers_to_transform": None,
            "lora_alpha": ALPHA,
            "lora_dropout": 0.05,
            "modules_to_save": None,
            "peft_type": "MOE_LORA_CoIN",
            "r": RANK,
            "revision": None,
            "target_modules": names,
            "task_embedding_dim": 64,
            "task_type": "CAUSAL_LM",
        },
    )
    save_file({"logits": masked_logits(model, inputs)}, folder / "expected.safetensors")


def write_adapters(folder: Path) -> None:
    inputs = read_inputs()
    for name, settings in PEFT_ADAPTERS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        write_peft(folder / name, settings, inputs)
    for name in ("older-spelling", "coin-moelora"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_older_spelling(folder / "older-spelling", folder / "some-layers")
    write_coin(folder / "coin-moelora", inputs)
    write_json(folder / "versions.json", versions())
