"""What all parity fixtures share: seeded weights, versions, and how a fixture folder is written.

Not a test and not used at run time: only the scripts of this folder import it.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import peft
import safetensors
import torch
import transformers
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
torch.set_default_dtype(torch.float32)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "parity"

Tensors = dict[str, torch.Tensor]


def versions() -> dict[str, str]:
    """Versions of the packages that computed the numbers."""
    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "safetensors": safetensors.__version__,
    }


def generator(seed: int, name: str) -> torch.Generator:
    """A generator of its own for each named tensor, so that adding one tensor leaves the others as they are."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:6], "little"))


def normal(seed: int, name: str, shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed, name)) * scale


def integers(seed: int, name: str, count: int, low: int, high: int) -> list[int]:
    """`count` whole numbers of [low, high)."""
    return torch.randint(low, high, (count,), generator=generator(seed, name)).tolist()


def randomise(module: torch.nn.Module, seed: int, scales: Callable[[str], float | None] = lambda _: None) -> None:
    """Fill every parameter so that activations stay near 1 and no gradient vanishes by accident.

    Library initialisation is too tame for a fixture: zero biases and unit norms would hide a forgotten term.
    Matrices and kernels get a deviation of 1/sqrt(inputs) unless `scales(name)` gives another one.
    """
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            shape = tuple(parameter.shape)
            scale = scales(name)
            if scale is not None:
                parameter.copy_(normal(seed, name, shape, scale))
            elif parameter.ndim >= 2:
                parameter.copy_(normal(seed, name, shape, (parameter[0].numel()) ** -0.5))
            elif name.endswith("bias"):
                parameter.copy_(normal(seed, name, shape, 0.2))
            else:
                parameter.copy_(1.0 + normal(seed, name, shape, 0.2))


def parameters_of(module: torch.nn.Module) -> Tensors:
    return {f"parameters.{name}": value.detach().clone() for name, value in module.named_parameters()}


def gradients_of(module: torch.nn.Module) -> Tensors:
    gradients: Tensors = {}
    for name, value in module.named_parameters():
        assert value.grad is not None, f"no gradient for {name}"
        gradients[f"gradients.{name}"] = value.grad.detach().clone()
    return gradients


def relative_difference(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """max |actual - expected| / max |expected|: the measure of every parity test."""
    return float((actual.detach() - expected.detach()).abs().max() / expected.detach().abs().max())


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _listing(tensors: Tensors) -> dict[str, str]:
    return {
        name: f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}" for name, tensor in sorted(tensors.items())
    }


def write_fixture(folder: Path, inputs: Tensors, expected: Tensors, meta: dict[str, object]) -> None:
    """Write inputs.safetensors, expected.safetensors and meta.json (which lists both files' tensors)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensor in {**inputs, **expected}.items():
        assert tensor.dtype in (torch.float32, torch.int32), f"{name} is {tensor.dtype}"
    save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, folder / "inputs.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in expected.items()}, folder / "expected.safetensors")
    tensors = {"inputs.safetensors": _listing(inputs), "expected.safetensors": _listing(expected)}
    write_json(folder / "meta.json", {"versions": versions(), **meta, "tensors": tensors})
