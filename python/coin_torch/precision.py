"""How float32 of a graph is held: as float32, or as bfloat16 where training in bfloat16 means that.

In `bfloat16`, products and what is computed element by element from them are bfloat16, with sums inside a product in
float32; sums, norms, softmax, exponentials, logarithms and everything made of fed parameters alone stay float32.
Parameters, gradients that leave a program, the loss and the optimiser are float32 always.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Precision:
    """The type of products, of frozen weights and of activations between them."""

    activations: torch.dtype

    @property
    def is_reduced(self) -> bool:
        return self.activations is not torch.float32

    def factor(self, x: Tensor) -> Tensor:
        """An operand of a product."""
        return x.to(self.activations)

    def aligned(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Two operands that are computed with element by element: a small one takes the type of the activations."""
        if a.dtype == b.dtype or not (a.is_floating_point() and b.is_floating_point()):
            return a, b
        if a.numel() < b.numel():
            return a.to(b.dtype), b
        if b.numel() < a.numel():
            return a, b.to(a.dtype)
        return a.float(), b.float()


PRECISIONS = {"float32": Precision(torch.float32), "bfloat16": Precision(torch.bfloat16)}
