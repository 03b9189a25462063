"""Writes test/fixtures/clip-processor/transformers.json: images through CLIP's, SigLIP's and LLaVA's image processors.

    python tools/parity/clip_processor.py

The PIL variants are used: they, and not the torchvision ones, are what CLIP and LLaVA were trained with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from images import encode, image

TARGET = Path(__file__).parents[2] / "test" / "fixtures" / "clip-processor" / "transformers.json"

CROP_8 = {"crop_size": {"height": 8, "width": 8}, "size": {"shortest_edge": 8}}
CONFIGS: dict[str, dict[str, object]] = {
    "shortest-edge": CROP_8,
    "rectangle": {"size": {"height": 6, "width": 10}, "do_center_crop": False},
    "crop-larger": {"size": {"shortest_edge": 7}, "crop_size": {"height": 10, "width": 9}},
    "bilinear": {**CROP_8, "resample": 2},
    "other-numbers": {
        **CROP_8,
        "image_mean": [0.5, 0.25, 0.125],
        "image_std": [0.5, 0.3, 0.7],
        "rescale_factor": 0.01,
    },
    "bytes": {**CROP_8, "do_rescale": False, "do_normalize": False},
    "unresized": {**CROP_8, "do_resize": False},
    "siglip": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 9, "width": 9}},
    "siglip-bilinear": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 12, "width": 12}, "resample": 2},
}
# config, aspect, kind, width, height
CASES = [
    *[(name, "crop", "noise", 21, 13) for name in CONFIGS],
    # transformers does not pad for SigLIP.
    *[(name, "pad", "waves", 13, 22) for name in CONFIGS if "siglip" not in name],
    ("siglip", "crop", "waves", 30, 4),
    ("shortest-edge", "crop", "waves", 5, 17),
    ("shortest-edge", "pad", "noise", 19, 6),
    ("shortest-edge", "pad", "noise", 12, 12),
    ("shortest-edge", "crop", "noise", 1, 1),
]


def main() -> None:
    cases = []
    sources: dict[str, dict[str, object]] = {}
    for config, aspect, kind, width, height in CASES:
        pixels = image(kind, width, height)
        name = f"{kind}-{width}x{height}"
        sources[name] = {"width": width, "height": height, "data": encode(pixels)}
        settings = {key: value for key, value in CONFIGS[config].items() if key != "image_processor_type"}
        if "image_processor_type" in CONFIGS[config]:
            processor = SiglipImageProcessorPil(**settings)
        elif aspect == "pad":
            processor = LlavaImageProcessorPil(**settings, do_pad=True)
        else:
            processor = CLIPImageProcessorPil(**settings)
        values = np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0], np.float32)
        assert values.shape[0] == 3
        _, rows, columns = values.shape
        cases.append(
            {"config": config, "aspect": aspect, "source": name, "height": rows, "width": columns, "data": encode(values)}
        )
    versions = {"transformers": transformers.__version__, "pillow": PIL.__version__, "numpy": np.__version__}
    fixture = {"versions": versions, "configs": CONFIGS, "sources": sources, "cases": cases}
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(fixture, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
