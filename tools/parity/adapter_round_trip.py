"""Do PEFT and transformers read what we write? Adapters of every kind, and the models they were merged into.

    npm run build && python tools/parity/adapter_round_trip.py

Each fixture in test/fixtures/parity/adapters is read and written by our code (write-adapters.mjs), loaded by PEFT with no
tensor missing or unknown, and must give the logits that PEFT gave when it made the fixture; so must the merged models.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from check_adapter import check_names  # noqa: E402 (sets thread counts before torch starts)
from common import FIXTURES, relative_difference, versions

from peft import PeftModel
from safetensors.torch import load_file
from transformers import LlavaForConditionalGeneration

from llava_tiny import FIXTURE, masked_logits, read_inputs

TOLERANCE = 1e-4
NAMES = ("patterns", "some-layers", "all-linear", "older-spelling")


def open_model(folder: Path) -> LlavaForConditionalGeneration:
    return LlavaForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()


def names_in_model(folder: Path, model: PeftModel) -> list[str]:
    return check_names(model, folder / "adapter_model.safetensors")


def main() -> int:
    inputs, failed = read_inputs(), 0
    print(versions())
    with tempfile.TemporaryDirectory() as aside:
        writer = Path(__file__).parent / "write-adapters.mjs"
        subprocess.run(["node", str(writer), aside], check=True)
        for name in NAMES:
            expected = load_file(FIXTURES / "adapters" / name / "expected.safetensors")["logits"]
            adapted = PeftModel.from_pretrained(open_model(FIXTURE / "model"), Path(aside) / name).eval()
            problems = names_in_model(Path(aside) / name, adapted)
            difference = relative_difference(masked_logits(adapted, inputs), expected)
            merged = relative_difference(masked_logits(open_model(Path(aside) / f"{name}-merged"), inputs), expected)
            good = not problems and difference < TOLERANCE and merged < TOLERANCE
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} {name}: adapter {difference:.2e}, merged {merged:.2e}", *problems, sep="\n     ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
