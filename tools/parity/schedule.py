"""Fixture `schedule.json`: learning rates of transformers' schedules with warm-up. Update i uses learning_rates[i]."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from common import versions, write_json

STEPS, WARMUP_STEPS, PEAK = 50, 3, 2e-4


def _learning_rates(schedule) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    scheduler = schedule(optimizer, num_warmup_steps=WARMUP_STEPS, num_training_steps=STEPS)
    rates: list[float] = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def write_schedule(path: Path) -> None:
    write_json(
        path,
        {
            "versions": versions(),
            "fixture": "schedule",
            "what": "Learning rate of each of `steps` updates; the first one is update 0.",
            "steps": STEPS,
            "warmup_steps": WARMUP_STEPS,
            "peak_learning_rate": PEAK,
            "cosine": _learning_rates(get_cosine_schedule_with_warmup),
            "linear": _learning_rates(get_linear_schedule_with_warmup),
        },
    )
