"""CoIN's MoELoRA for the peer: rank-r/N experts mixed per token by a dense softmax router, written from the formula.

`loop` computes the experts one after another, as the reference does; `batched` computes them as one product.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class MoELoRALinear(nn.Module):
    """y = W x + alpha / r * sum_e softmax(R x)_e B_e A_e dropout_e(x), the layer's own weight W frozen."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float, experts: int, dropout: float, batched: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.base = base
        self.experts, self.expert_rank, self.scale = experts, rank // experts, alpha / rank
        self.dropout, self.batched = dropout, batched
        self.router = nn.Linear(base.in_features, experts, bias=False, dtype=dtype)
        if batched:
            self.lora_A = nn.Parameter(torch.randn(rank, base.in_features, dtype=dtype) * 0.01)
            self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, dtype=dtype))
        else:
            self.lora_A = nn.ModuleList(nn.Linear(base.in_features, self.expert_rank, bias=False, dtype=dtype) for _ in range(experts))
            self.lora_B = nn.ModuleList(nn.Linear(self.expert_rank, base.out_features, bias=False, dtype=dtype) for _ in range(experts))
            for a, b in zip(self.lora_A, self.lora_B):
                nn.init.normal_(a.weight, std=0.01)
                nn.init.zeros_(b.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gates = functional.softmax(self.router(x), dim=-1)  # [batch, tokens, experts]
        return self._batched(x, gates) if self.batched else self._loop(x, gates)

    def _loop(self, x: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
        result = self.base(x)
        for expert, (a, b) in enumerate(zip(self.lora_A, self.lora_B)):
            dropped = functional.dropout(x, self.dropout, self.training)
            result = result + b(a(dropped)) * gates[..., expert : expert + 1] * self.scale
        return result

    def _batched(self, x: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
        if self.dropout > 0 and self.training:
            # A mask per expert: [experts, batch * tokens, in] times [experts, in, r / N].
            rows = x.reshape(1, -1, x.shape[-1]).expand(self.experts, -1, -1)
            dropped = functional.dropout(rows, self.dropout)
            inner = torch.bmm(dropped, self.lora_A.view(self.experts, self.expert_rank, -1).transpose(1, 2))
            blocks = inner.transpose(0, 1).reshape(*gates.shape, self.expert_rank)
        else:
            blocks = functional.linear(x, self.lora_A).unflatten(-1, (self.experts, self.expert_rank))
        mixed = blocks * (gates * self.scale).unsqueeze(-1)  # [batch, tokens, experts, r / N]
        return self.base(x) + functional.linear(mixed.flatten(-2), self.lora_B)
