"""Fixture `test/fixtures/torch`: small files that torch.save wrote, in both of its formats, and what they hold.

    python tools/parity/torch_files.py
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path

sys.dont_write_bytecode = True

import torch

from common import normal, versions, write_json

FOLDER = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "torch"
SEED = 19


def state() -> OrderedDict[str, torch.Tensor]:
    """Every type, a parameter, views of one storage, a scalar, an empty tensor and a transposed one."""
    shared = normal(SEED, "shared", (12,))
    tensors = OrderedDict(
        double=normal(SEED, "double", (2,)).double(),
        single=normal(SEED, "single", (2, 3)),
        half=normal(SEED, "half", (5,)).half(),
        brain=normal(SEED, "brain", (1, 3)).bfloat16(),
        parameter=torch.nn.Parameter(normal(SEED, "parameter", (4,))),
        long=torch.tensor([-1, 2**40]),
        int=torch.tensor([-7], dtype=torch.int32),
        short=torch.tensor([300], dtype=torch.int16),
        char=torch.tensor([-5], dtype=torch.int8),
        byte=torch.tensor([200], dtype=torch.uint8),
        flags=torch.tensor([True, False]),
        front=shared[:6].reshape(2, 3),
        back=shared[8:],
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 4),
        transposed=normal(SEED, "transposed", (2, 3)).t(),
        column=normal(SEED, "column", (3, 1))[:, :1],
    )
    # What Module.state_dict adds, and torch.load ignores.
    tensors._metadata = OrderedDict([("", {"version": 1})])
    return tensors


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    tensors = state()
    torch.save(tensors, FOLDER / "archive.bin")
    torch.save(tensors, FOLDER / "stream.bin", _use_new_zipfile_serialization=False)
    torch.save({"model": torch.nn.Linear(2, 1)}, FOLDER / "module.bin")
    torch.save({"step": 3, "tensor": torch.ones(1)}, FOLDER / "mixed.bin")
    expected = {
        name: {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "values": tensor.flatten().tolist()}
        for name, tensor in tensors.items()
    }
    write_json(FOLDER / "expected.json", {"versions": versions(), "tensors": expected})


if __name__ == "__main__":
    main()
