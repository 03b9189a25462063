"""Answers the messages of one client: compile, run, read, free, dispose.

Tensors that a run is told to keep stay on the device under a handle, and are fed again by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .frames import Message
from .graph import Program
from .precision import PRECISIONS
from .rules import DTYPES
from .weights import WeightStore

Reply = tuple[Message, list[memoryview]]


class Server:
    """The state of one process: its device, programs, weights and kept tensors."""

    def __init__(self, device: str, precision: str) -> None:
        self.device = chosen_device(device)
        self._precision = PRECISIONS[precision]
        self._store = WeightStore(self.device, self._precision.activations)
        self._programs: dict[int, Program] = {}
        self._kept: dict[int, Tensor] = {}
        self._next = 1
        self._answers: dict[str, Callable[[Message, Sequence[bytearray]], Reply]] = {
            "compile": self._compile,
            "run": self._run,
            "read": self._read,
            "dispose": self._dispose,
            "memory": self._memory,
        }

    def answer(self, message: Message, buffers: Sequence[bytearray]) -> Reply:
        """The answer to one message; a failure is an answer, too."""
        for handle in message["free"]:
            self._kept.pop(handle, None)
        try:
            return self._answers[message["do"]](message, buffers)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            return {"error": str(error).split(". ")[0], "kind": "memory"}, []
        except Exception as error:  # whatever goes wrong is said to the client, who throws it
            return {"error": f"{type(error).__name__}: {error}", "kind": "failure"}, []

    def _compile(self, message: Message, buffers: Sequence[bytearray]) -> Reply:
        constants = [
            self._on_device(entry, buffer) for entry, buffer in zip(message["constants"], buffers, strict=True)
        ]
        program = Program(message["graph"], constants, self._store, self._precision, self.device)
        number = self._number()
        self._programs[number] = program
        return {"program": number}, []

    def _run(self, message: Message, buffers: Sequence[bytearray]) -> Reply:
        given = iter(buffers)
        feeds: dict[str, Tensor] = {}
        for feed in message["feeds"]:
            handle = feed.get("handle")
            feeds[feed["name"]] = self._kept[handle] if handle is not None else self._on_device(feed, next(given))
        results = self._programs[message["program"]].run(feeds)
        keep = set(message["keep"])
        outputs: list[Message] = []
        bytes_out: list[memoryview] = []
        for name, value in results.items():
            described: Message = {"name": name, "dtype": _name_of(value), "shape": list(value.shape)}
            if name in keep:
                # A view would hold the whole of what it is a view of.
                described["handle"] = self._keep(value.contiguous())
            else:
                bytes_out.append(_bytes_of(value))
            outputs.append(described)
        return {"outputs": outputs}, bytes_out

    def _read(self, message: Message, buffers: Sequence[bytearray]) -> Reply:
        return {}, [_bytes_of(self._kept[message["handle"]])]

    def _dispose(self, message: Message, buffers: Sequence[bytearray]) -> Reply:
        self._programs.pop(message["program"]).dispose()
        return {}, []

    def _memory(self, message: Message, buffers: Sequence[bytearray]) -> Reply:
        peak = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else 0
        return {"weights": self._store.bytes_held, "peak": peak}, []

    def _on_device(self, described: Message, buffer: bytearray) -> Tensor:
        dtype = DTYPES[described["dtype"]]
        if not buffer:
            return torch.empty(described["shape"], dtype=dtype, device=self.device)
        return torch.frombuffer(buffer, dtype=dtype).reshape(described["shape"]).to(self.device)

    def _keep(self, value: Tensor) -> int:
        handle = self._number()
        self._kept[handle] = value
        return handle

    def _number(self) -> int:
        self._next += 1
        return self._next - 1


def chosen_device(name: str) -> torch.device:
    """`auto`: a GPU where PyTorch sees one, else the processor. Raises ValueError for one that is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name.split(":")[0], False):
        raise ValueError(f"PyTorch {torch.__version__} sees no device {name}")
    return torch.device(name)


def _name_of(value: Tensor) -> str:
    return next(name for name, dtype in DTYPES.items() if dtype == value.dtype)


def _bytes_of(value: Tensor) -> memoryview:
    array = np.ascontiguousarray(value.cpu().numpy())
    return array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
