"""Writes the parity fixtures: numbers of PyTorch, transformers and PEFT in float32 that the TypeScript side must meet.

    python tools/parity/generate.py                 rewrites test/fixtures/parity
    python tools/parity/generate.py --check         regenerates aside and compares, changes nothing
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from adapters import write_adapters
from blocks import write_clip_block, write_llama_block
from common import FIXTURES
from llava_tiny import write_llava_tiny
from moelora_tiny import write_moelora_tiny
from schedule import write_schedule

LARGEST_BYTES = 1_500_000


def write_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_llama_block(folder / "llama-block")
    write_clip_block(folder / "clip-block")
    write_llava_tiny(folder / "llava-tiny")
    write_moelora_tiny(folder / "moelora-tiny")
    write_adapters(folder / "adapters")
    write_schedule(folder / "schedule.json")


def contents(folder: Path) -> dict[str, bytes]:
    """All files but those of layouts.py, where PyTorch's older format holds memory addresses."""
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith("layouts/")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        with tempfile.TemporaryDirectory() as aside:
            write_all(Path(aside))
            fresh, committed = contents(Path(aside)), contents(options.out)
        differing = [name for name in sorted(fresh | committed) if fresh.get(name) != committed.get(name)]
        for name in differing:
            print(f"differs: {name}")
        print(f"{len(fresh) - len(differing)} of {len(fresh)} files are the same")
        return 1 if differing else 0
    write_all(options.out)
    sizes = {name: len(data) for name, data in contents(options.out).items()}
    for name, size in sizes.items():
        print(f"{size:>8}  {name}")
    total = sum(sizes.values())
    print(f"{total:>8}  in all")
    assert total < LARGEST_BYTES
    return 0


if __name__ == "__main__":
    sys.exit(main())
