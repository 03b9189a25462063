"""Writes test/fixtures/resize/pillow.json: images resized by Pillow, which src/formats/images/resize.ts must meet exactly.

    python tools/parity/resize.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import PIL
from PIL import Image

from images import encode, image

TARGET = Path(__file__).parents[2] / "test" / "fixtures" / "resize" / "pillow.json"

# kind, source width and height, target width and height
CASES = [
    ("noise", 16, 12, 8, 6),
    ("noise", 16, 12, 33, 25),
    ("noise", 37, 23, 12, 12),
    ("noise", 40, 9, 5, 9),
    ("noise", 9, 40, 9, 7),
    ("noise", 64, 48, 3, 2),
    ("noise", 1, 1, 4, 3),
    ("noise", 5, 1, 2, 3),
    ("noise", 3, 2, 1, 1),
    ("waves", 31, 29, 24, 24),
    ("waves", 13, 17, 40, 21),
    ("blocks", 24, 24, 17, 31),
    ("blocks", 20, 20, 20, 20),
]
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def main() -> None:
    sources: dict[str, dict[str, object]] = {}
    cases = []
    for kind, source_width, source_height, width, height in CASES:
        pixels = image(kind, source_width, source_height)
        name = f"{kind}-{source_width}x{source_height}"
        sources[name] = {"width": source_width, "height": source_height, "data": encode(pixels)}
        for filter_name, resample in FILTERS.items():
            resized = Image.fromarray(pixels).resize((width, height), resample)
            assert resized.mode == "RGB"
            data = encode(np.asarray(resized))
            cases.append({"source": name, "filter": filter_name, "width": width, "height": height, "data": data})
    fixture = {"versions": {"pillow": PIL.__version__}, "sources": sources, "cases": cases}
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(fixture, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
