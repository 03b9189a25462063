"""Small images for the image fixtures, made of arithmetic only, so that any version of anything makes the same."""

from __future__ import annotations

import base64

import numpy as np


def image(kind: str, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3]. `noise` has hard edges everywhere, `waves` is smooth, `blocks` is flat with steps."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    if kind == "noise":
        state = (x * 7919 + y * 104729 + 12345) & 0xFFFFFFFF
        channels = []
        for _ in range(3):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            channels.append((state >> 24) & 0xFF)
        return np.stack(channels, axis=-1).astype(np.uint8)
    if kind == "waves":
        return np.stack([(x * x + y) % 256, (x * 9 + y * 5) % 256, (x * y) % 256], axis=-1).astype(np.uint8)
    if kind == "blocks":
        cell = (x // 3 + y // 2) % 2
        return np.stack([cell * 255, 255 - cell * 255, (x // 4 % 2) * 200], axis=-1).astype(np.uint8)
    raise ValueError(kind)


def encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
