"""Frozen weights: byte ranges of the user's files, copied onto the device once and shared by all programs."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

STORED = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class ByteRange:
    """Where a weight lies: `length` bytes of a file from `offset` on, of one stored type."""

    file: str
    offset: int
    length: int
    storage: str


class WeightStore:
    """Every range is read once, in the type it is used in; it lives as long as a program uses it."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device = device
        self._dtype = dtype
        self._held: dict[ByteRange, tuple[Tensor, int]] = {}

    def acquire(self, source: ByteRange) -> Tensor:
        """The numbers of a range, one after another. Raises ValueError where the file ends before it does."""
        tensor, users = self._held.get(source) or (self._read(source), 0)
        self._held[source] = (tensor, users + 1)
        return tensor

    def release(self, source: ByteRange) -> None:
        tensor, users = self._held[source]
        if users == 1:
            del self._held[source]
        else:
            self._held[source] = (tensor, users - 1)

    @property
    def bytes_held(self) -> int:
        return sum(tensor.nbytes for tensor, _ in self._held.values())

    def _read(self, source: ByteRange) -> Tensor:
        stored = STORED[source.storage]
        if source.length == 0:
            return torch.empty(0, dtype=self._dtype, device=self._device)
        size = Path(source.file).stat().st_size
        if source.offset + source.length > size:
            raise ValueError(f"{source.file} ends at byte {size}, a weight at {source.offset + source.length}")
        with open(source.file, "rb") as file:
            page = source.offset - source.offset % mmap.ALLOCATIONGRANULARITY
            span = source.offset - page + source.length
            with mmap.mmap(file.fileno(), span, offset=page, access=mmap.ACCESS_COPY) as mapped:
                count = source.length // stored.itemsize
                view = torch.frombuffer(mapped, dtype=stored, count=count, offset=source.offset - page)
                # A copy of its own, so that the file may be closed.
                numbers = torch.empty(count, dtype=self._dtype, device=self._device)
                numbers.copy_(view)
                del view
        return numbers
