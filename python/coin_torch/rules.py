"""What each primitive computes, a row each. The primitives and their attributes are those of `src/tensor`.

A row is called once when a program is compiled, with the primitive's attributes, and gives the function that is called
at every run with the sizes of named dimensions and the inputs' values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .dims import shape_of, size_of
from .precision import Precision

Attributes = Mapping[str, Any]
Sizes = Mapping[str, int]
Step = Callable[..., Tensor]
Row = Callable[[Attributes, Precision, torch.device], Step]

DTYPES = {"float32": torch.float32, "int32": torch.int32, "bool": torch.bool}
_LOW32 = 0xFFFFFFFF


def _unary(compute: Callable[[Tensor], Tensor]) -> Row:
    """Element by element, in whatever type the input has."""
    return lambda attributes, precision, device: lambda sizes, x: compute(x)


def _wide(compute: Callable[[Tensor], Tensor]) -> Row:
    """Element by element, in float32: rounding the input's like would be seen in the result."""
    return lambda attributes, precision, device: lambda sizes, x: compute(x.float())


def _binary(compute: Callable[[Tensor, Tensor], Tensor]) -> Row:
    def row(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
        if not precision.is_reduced:
            return lambda sizes, a, b: compute(a, b)
        return lambda sizes, a, b: compute(*precision.aligned(a, b))

    return row


def _divide(a: Tensor, b: Tensor) -> Tensor:
    """Whole numbers are divided towards zero."""
    quotient: Tensor = torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")
    return quotient


def _iota(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    size = attributes["size"]
    return lambda sizes: torch.arange(size_of(size, sizes), dtype=torch.int32, device=device)


def _random_uniform(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    """The hash of `src/tensor/random-hash.ts`, the same bits: 32-bit arithmetic in the low half of 64 bits."""
    shape, offset = attributes["shape"], attributes["stream"] * 0x85EBCA6B & _LOW32

    def step(sizes: Sizes, key: Tensor) -> Tensor:
        target = shape_of(shape, sizes)
        count = 1
        for size in target:
            count *= size
        positions = torch.arange(count, dtype=torch.int64, device=device)
        bits: Tensor = (positions * 0x9E3779B1 + key.to(torch.int64) + offset) & _LOW32
        bits = ((bits ^ (bits >> 16)) * 0x7FEB352D) & _LOW32
        bits = ((bits ^ (bits >> 15)) * 0x846CA68B) & _LOW32
        bits = bits ^ (bits >> 16)
        return ((bits >> 8).to(torch.float32) * 2.0**-24).reshape(target)

    return step


def _cast(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    dtype = DTYPES[attributes["dtype"]]
    if dtype is torch.float32:
        return lambda sizes, x: x if x.is_floating_point() else x.float()
    return lambda sizes, x: x.to(dtype)


def _where(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    if not precision.is_reduced:
        return lambda sizes, condition, yes, no: torch.where(condition, yes, no)
    return lambda sizes, condition, yes, no: torch.where(condition, *precision.aligned(yes, no))


def _matmul(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    transpose_a, transpose_b = attributes["transposeA"], attributes["transposeB"]

    def step(sizes: Sizes, a: Tensor, b: Tensor) -> Tensor:
        left, right = precision.factor(a), precision.factor(b)
        return torch.matmul(left.mT if transpose_a else left, right.mT if transpose_b else right)

    return step


def _sum(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    axes = list(attributes["axes"])
    if not axes:
        return lambda sizes, x: x
    return lambda sizes, x: torch.sum(x, dim=axes, keepdim=True, dtype=torch.float32)


def _sum_of_squares(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    axes = list(attributes["axes"])
    if not axes:
        return lambda sizes, x: x.float().square()
    return lambda sizes, x: torch.sum(x.float().square(), dim=axes, keepdim=True)


def _max(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    """Of nothing it is minus infinity, as in ONNX."""
    axis = attributes["axis"]

    def step(sizes: Sizes, x: Tensor) -> Tensor:
        if x.shape[axis] == 0:
            return x.new_full([1 if i == axis else size for i, size in enumerate(x.shape)], -torch.inf)
        return torch.amax(x, dim=axis, keepdim=True)

    return step


def _argmax(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    """The first of the largest: PyTorch's own argmax promises no order among equals."""
    axis = attributes["axis"]

    def step(sizes: Sizes, x: Tensor) -> Tensor:
        count = x.shape[axis]
        places = torch.arange(count, dtype=torch.int32, device=x.device)
        places = places.reshape([count if i == axis else 1 for i in range(x.dim())])
        largest = x == torch.amax(x, dim=axis, keepdim=True)
        return torch.amin(torch.where(largest, places, count), dim=axis).to(torch.int32)

    return step


def _softmax(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    return lambda sizes, x: torch.softmax(x, dim=-1)


def _reshape(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    shape = attributes["shape"]
    return lambda sizes, x: x.reshape(shape_of(shape, sizes))


def _transpose(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    permutation = tuple(attributes["permutation"])
    return lambda sizes, x: x.permute(permutation)


def _broadcast_to(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    shape = attributes["shape"]
    return lambda sizes, x: x.expand(shape_of(shape, sizes))


def _concat(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    axis = attributes["axis"]

    def step(sizes: Sizes, *parts: Tensor) -> Tensor:
        if precision.is_reduced and len({part.dtype for part in parts}) > 1:
            return torch.cat([part.float() for part in parts], dim=axis)
        return torch.cat(parts, dim=axis)

    return step


def _slice(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    axis, start, size = attributes["axis"], attributes["start"], attributes["size"]
    return lambda sizes, x: x.narrow(axis, size_of(start, sizes), size_of(size, sizes))


def _gather(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    def step(sizes: Sizes, table: Tensor, indices: Tensor) -> Tensor:
        rows = torch.index_select(table, 0, indices.reshape(-1))
        return rows.reshape(indices.shape + table.shape[1:])

    return step


def _scatter_add(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    """Deterministic: on a GPU, where adding by index is not, a product with one-hot rows."""
    rows = attributes["rows"]

    def step(sizes: Sizes, indices: Tensor, updates: Tensor) -> Tensor:
        count = size_of(rows, sizes)
        flat = indices.reshape(-1)
        rest = updates.shape[indices.dim() :]
        values = updates.reshape((flat.shape[0], *rest)).float()
        if updates.device.type == "cpu":
            return torch.zeros((count, *rest)).index_add_(0, flat, values)
        hot = (flat[:, None] == torch.arange(count, dtype=torch.int32, device=flat.device)).float()
        return (hot.mT @ values.reshape(flat.shape[0], -1)).reshape((count, *rest))

    return step


def _rms_norm(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    epsilon = attributes["epsilon"]
    return lambda sizes, x, weight: F.rms_norm(x, (x.shape[-1],), weight.to(x.dtype), epsilon)


def _rotate_halves(attributes: Attributes, precision: Precision, device: torch.device) -> Step:
    def step(sizes: Sizes, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        first, second = x.float().chunk(2, dim=-1)
        turned = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
        return turned.to(x.dtype)

    return step


# `input`, `weight` and `constant` are values, not steps: see graph.py.
ROWS: dict[str, Row] = {
    "iota": _iota,
    "randomUniform": _random_uniform,
    "stopGradient": _unary(lambda x: x),
    "boundary": _unary(lambda x: x),
    "cast": _cast,
    "neg": _unary(torch.neg),
    "exp": _wide(torch.exp),
    "log": _wide(torch.log),
    "sqrt": _wide(torch.sqrt),
    "sin": _wide(torch.sin),
    "cos": _wide(torch.cos),
    "tanh": _unary(torch.tanh),
    "sigmoid": _unary(torch.sigmoid),
    "erf": _unary(torch.erf),
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "div": _binary(_divide),
    "equal": _binary(torch.eq),
    "less": _binary(torch.lt),
    "where": _where,
    "matmul": _matmul,
    "sum": _sum,
    "max": _max,
    "argmax": _argmax,
    "softmax": _softmax,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcastTo": _broadcast_to,
    "concat": _concat,
    "slice": _slice,
    "gather": _gather,
    "scatterAdd": _scatter_add,
    "sumOfSquares": _sum_of_squares,
    "rmsNorm": _rms_norm,
    "rotateHalves": _rotate_halves,
}
