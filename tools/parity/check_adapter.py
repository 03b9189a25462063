"""Does PEFT read an adapter folder that this project wrote? Loads it into the `llava-tiny` model and compares logits.

    python tools/parity/check_adapter.py ADAPTER
        with the fixture's `logits`: the adapter was read and written back
    python tools/parity/check_adapter.py ADAPTER --projector FILE --key trained_logits
        with the fixture's logits after ten steps; FILE (.safetensors) holds the trained projector
    python tools/parity/check_adapter.py ADAPTER [--projector FILE] --expected FILE --key NAME
        with logits of our own, [2, 30, 96], zero at padding

Prints the largest difference relative to the largest logit. Exit status 1 when tensors are missing, unknown or of
another shape, or when the difference is above the tolerance. Not for MoELoRA, which PEFT does not know.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from common import relative_difference, versions  # noqa: E402 (sets thread counts before torch starts)

from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import LlavaForConditionalGeneration

from llava_tiny import FIXTURE, masked_logits, read_inputs


def load_projector(model: LlavaForConditionalGeneration, file: Path) -> None:
    """Set the projector from tensors named `[...]multi_modal_projector.linear_{1,2}.{weight,bias}`, all four of them."""
    tensors = {
        name[name.index("multi_modal_projector.") :].removeprefix("multi_modal_projector."): value.float()
        for name, value in load_file(file).items()
        if "multi_modal_projector." in name
    }
    model.model.multi_modal_projector.load_state_dict(tensors, strict=True)


def check_names(model: PeftModel, file: Path) -> list[str]:
    """What PEFT would pass over in silence: tensors that are missing, unknown, or of another shape."""
    wanted = {name: tuple(value.shape) for name, value in get_peft_model_state_dict(model).items()}
    found = {name: tuple(value.shape) for name, value in load_file(file).items()}
    problems = [f"missing: {name} {wanted[name]}" for name in sorted(wanted.keys() - found.keys())]
    problems += [f"unknown: {name} {found[name]}" for name in sorted(found.keys() - wanted.keys())]
    shared = sorted(wanted.keys() & found.keys())
    return problems + [f"shape: {n}: expected {wanted[n]}, found {found[n]}" for n in shared if wanted[n] != found[n]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--projector", type=Path)
    parser.add_argument("--expected", type=Path, default=FIXTURE / "expected.safetensors")
    parser.add_argument("--key", default="logits")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    options = parser.parse_args()
    print(" ".join(f"{name} {version}" for name, version in versions().items()))

    base = LlavaForConditionalGeneration.from_pretrained(FIXTURE / "model", attn_implementation="eager").eval()
    if options.projector is not None:
        load_projector(base, options.projector)
    inputs = read_inputs()
    without_adapter = masked_logits(base, inputs)
    model = PeftModel.from_pretrained(base, str(options.adapter)).eval()
    problems = check_names(model, options.adapter / "adapter_model.safetensors")
    for problem in problems:
        print(problem)

    logits = masked_logits(model, inputs)
    expected = load_file(options.expected)[options.key] * inputs["attention_mask"][:, :, None]
    assert logits.shape == expected.shape, f"{options.key}: expected {logits.shape}, found {expected.shape}"
    difference = relative_difference(logits, expected)
    print(f"tensors: {len(get_peft_model_state_dict(model))} wanted, {len(problems)} problems")
    print(f"the adapter moves the logits by {relative_difference(logits, without_adapter):.3e} (relative)")
    print(f"max relative difference from {options.key}: {difference:.3e} (tolerance {options.tolerance:.0e})")
    return 1 if problems or not difference <= options.tolerance else 0


if __name__ == "__main__":
    sys.exit(main())
