"""A program: the graph's nodes as steps in order, values dropped after their last use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .dims import Dim
from .precision import Precision
from .rules import DTYPES, ROWS, Sizes, Step
from .weights import ByteRange, WeightStore


@dataclass(frozen=True)
class InputSpec:
    """What is fed under a name."""

    name: str
    node: int
    dtype: torch.dtype
    shape: Sequence[Dim]


@dataclass(frozen=True)
class Instruction:
    """One step: which value it makes of which, and which values nobody needs after it."""

    step: Step
    inputs: tuple[int, ...]
    output: int
    spent: tuple[int, ...]


class Program:
    """Compiled once, run any number of times. Frozen weights are shared with other programs through the store."""

    def __init__(
        self,
        graph: Mapping[str, Any],
        constants: Sequence[Tensor],
        store: WeightStore,
        precision: Precision,
        device: torch.device,
    ) -> None:
        self._store = store
        self._sources: list[ByteRange] = []
        self._fixed: dict[int, Tensor] = {}
        self.inputs: list[InputSpec] = []
        self.outputs: dict[str, int] = dict(graph["outputs"])
        steps: list[tuple[Step, tuple[int, ...], int]] = []
        for index, node in enumerate(graph["nodes"]):
            primitive, attributes = node["primitive"], node["attributes"]
            if primitive == "input":
                dtype = DTYPES[attributes["dtype"]]
                self.inputs.append(InputSpec(attributes["name"], index, dtype, attributes["shape"]))
            elif primitive == "weight":
                source = ByteRange(
                    attributes["file"], attributes["offset"], attributes["length"], attributes["storage"]
                )
                self._sources.append(source)
                self._fixed[index] = store.acquire(source).reshape(attributes["shape"])
            elif primitive == "constant":
                self._fixed[index] = constants[attributes["constant"]]
            else:
                steps.append((ROWS[primitive](attributes, precision, device), tuple(node["inputs"]), index))
        self._instructions = _with_ends(steps, set(self.outputs.values()), set(self._fixed))

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs, float32 where the graph says so. Feeds are checked by the caller."""
        values = {**self._fixed, **{spec.node: feeds[spec.name] for spec in self.inputs}}
        sizes = {
            dim: size
            for spec in self.inputs
            for dim, size in zip(spec.shape, feeds[spec.name].shape, strict=True)
            if isinstance(dim, str)
        }
        with torch.inference_mode():
            self._execute(values, sizes)
        return {name: _leaving(values[index]) for name, index in self.outputs.items()}

    def dispose(self) -> None:
        for source in self._sources:
            self._store.release(source)
        self._sources.clear()

    def _execute(self, values: dict[int, Tensor], sizes: Sizes) -> None:
        for instruction in self._instructions:
            inputs = [values[index] for index in instruction.inputs]
            values[instruction.output] = instruction.step(sizes, *inputs)
            for index in instruction.spent:
                del values[index]


def _with_ends(
    steps: Sequence[tuple[Step, tuple[int, ...], int]], outputs: set[int], fixed: set[int]
) -> list[Instruction]:
    last: dict[int, int] = {}
    for place, (_, inputs, output) in enumerate(steps):
        for index in (*inputs, output):
            last[index] = place
    ends: dict[int, list[int]] = {}
    for index, place in last.items():
        if index not in outputs and index not in fixed:
            ends.setdefault(place, []).append(index)
    return [
        Instruction(step, inputs, output, tuple(ends.get(place, ())))
        for place, (step, inputs, output) in enumerate(steps)
    ]


def _leaving(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value
