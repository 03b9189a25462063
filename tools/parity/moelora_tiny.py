"""Fixture `moelora-tiny`: one linear layer adapted by MoELoRA, written here from the formula alone.

h(x) = W0 x + (alpha / r) * sum_e softmax(R x)_e * B_e A_e x, each expert of rank r / E, all E experts for every token.
The scale divides by the whole r, not by r / E. No dropout, no auxiliary loss.
"""

from __future__ import annotations

from pathlib import Path

import torch

from common import gradients_of, normal, parameters_of, randomise, relative_difference, write_fixture

SEED = 14
INPUT_SIZE, OUTPUT_SIZE, RANK, ALPHA, EXPERTS = 12, 10, 8, 16.0, 4


class MoELoRALinear(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        expert_rank = RANK // EXPERTS
        self.base = torch.nn.Linear(INPUT_SIZE, OUTPUT_SIZE, bias=False)
        self.router = torch.nn.Linear(INPUT_SIZE, EXPERTS, bias=False)
        self.lora_A = torch.nn.ModuleList(torch.nn.Linear(INPUT_SIZE, expert_rank, bias=False) for _ in range(EXPERTS))
        self.lora_B = torch.nn.ModuleList(torch.nn.Linear(expert_rank, OUTPUT_SIZE, bias=False) for _ in range(EXPERTS))

    def gate(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.router(inputs).softmax(dim=-1)  # [batch, tokens, experts]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        gate = self.gate(inputs)
        update = torch.zeros(())
        for expert in range(EXPERTS):
            update = update + gate[..., expert : expert + 1] * self.lora_B[expert](self.lora_A[expert](inputs))
        return self.base(inputs) + (ALPHA / RANK) * update


def write_moelora_tiny(folder: Path) -> None:
    layer = MoELoRALinear()
    randomise(layer, SEED)
    inputs = normal(SEED, "input", (2, 5, INPUT_SIZE)).requires_grad_()
    loss_weights = normal(SEED, "loss_weights", (2, 5, OUTPUT_SIZE))
    output = layer(inputs)
    (output * loss_weights).sum().backward()
    gate = layer.gate(inputs)

    # The same sum with each token's adapted matrix built whole: a second reading of the formula.
    products = torch.stack([b.weight @ a.weight for a, b in zip(layer.lora_A, layer.lora_B)])  # [expert, out, in]
    adapted = layer.base.weight + (ALPHA / RANK) * torch.einsum("bte,eoi->btoi", gate, products)
    assert relative_difference(torch.einsum("btoi,bti->bto", adapted, inputs), output) < 1e-5

    write_fixture(
        folder,
        {"input": inputs.detach(), "loss_weights": loss_weights, **parameters_of(layer)},
        {"gate": gate.detach(), "output": output.detach(), "gradients.input": inputs.grad, **gradients_of(layer)},
        {
            "fixture": "moelora-tiny",
            "seed": SEED,
            "what": "One linear layer with MoELoRA. lora_A.E and lora_B.E are expert E's matrices, router the gate's. "
            "gradients.* are of sum(output * loss_weights); base is frozen in training, its gradient is a bonus.",
            "config": {
                "input_size": INPUT_SIZE,
                "output_size": OUTPUT_SIZE,
                "rank": RANK,
                "alpha": ALPHA,
                "experts": EXPERTS,
                "expert_rank": RANK // EXPERTS,
                "scale": ALPHA / RANK,
            },
        },
    )
