"""Writes test/fixtures/images/pillow.json: small image files and the RGB bytes Pillow reads from them.

    python tools/parity/image_files.py

src/formats/images/image.ts must read the same (within a few steps for JPEG and CMYK). Orientation is applied to both.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps

from images import encode, image

TARGET = Path(__file__).parents[2] / "test" / "fixtures" / "images" / "pillow.json"


def files() -> dict[str, bytes]:
    waves = Image.fromarray(image("waves", 14, 11))
    noise = image("noise", 14, 11)
    alpha = Image.fromarray(noise[:, :, 0])
    rgba = waves.copy()
    rgba.putalpha(alpha)
    grey_alpha = waves.convert("L")
    grey_alpha.putalpha(alpha)
    palette = waves.quantize(16)
    smooth = np.stack([np.mgrid[0:16, 0:24][1] * 10, np.mgrid[0:16, 0:24][0] * 15, np.full((16, 24), 90)], axis=-1)
    photo = Image.fromarray(smooth.astype(np.uint8))
    orientation = Image.Exif()
    orientation[0x0112] = 6
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    second = Image.fromarray(noise)
    # Values of 16 bits whose low bytes would round up: a reader that rounds is told from one that cuts.
    deep = (noise[:, :, 1].astype(np.uint16) << 8) | noise[:, :, 2]
    turned = {}
    for number in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = number
        turned[f"oriented-{number}.png"] = save(waves, "PNG", exif=exif)
    return {
        **turned,
        "grey-16.png": save(Image.fromarray(deep), "PNG"),
        "animated.webp": save(waves, "WEBP", lossless=True, save_all=True, append_images=[second]),
        "animated.png": save(waves, "PNG", save_all=True, append_images=[second]),
        "progressive.jpg": save(photo, "JPEG", quality=90, progressive=True),
        "sampled.jpg": save(photo, "JPEG", quality=75, subsampling="4:2:0"),
        "adobe-cmyk.jpg": adobe_inverted(save(photo.convert("CMYK"), "JPEG", quality=95)),
        "rgb.png": save(waves, "PNG"),
        "rgba.png": save(rgba, "PNG"),
        "grey.png": save(waves.convert("L"), "PNG"),
        "grey-alpha.png": save(grey_alpha, "PNG"),
        "bilevel.png": save(waves.convert("1"), "PNG"),
        "palette.png": save(palette, "PNG"),
        "palette-alpha.png": save(palette, "PNG", transparency=bytes(range(0, 160, 10))),
        "profile.png": save(waves, "PNG", icc_profile=linear),
        "lossless.webp": save(waves, "WEBP", lossless=True),
        "lossless-alpha.webp": save(rgba, "WEBP", lossless=True, exact=True),
        "animated.gif": save(palette, "GIF", save_all=True, append_images=[second]),
        "photo.jpg": save(photo, "JPEG", quality=90),
        "grey.jpg": save(photo.convert("L"), "JPEG", quality=90),
        "cmyk.jpg": save(photo.convert("CMYK"), "JPEG", quality=95),
        "oriented.jpg": save(photo, "JPEG", quality=90, exif=orientation),
    }


def adobe_inverted(content: bytes) -> bytes:
    """Marks a CMYK JPEG as Adobe's, whose inks are stored the other way round: a reader then turns them."""
    if b"Adobe" in content[:64]:
        return content
    marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    return content[:2] + marker + content[2:]


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def main() -> None:
    cases = []
    for name, content in files().items():
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        if image.mode == "I;16":
            # Pillow's own conversion clips at 255, which makes such images white; the upper byte is what they show.
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image = image.convert("RGB")
        width, height = image.size
        file = base64.b64encode(content).decode("ascii")
        cases.append({"name": name, "file": file, "width": width, "height": height, "data": encode(np.asarray(image))})
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    fixture = {"versions": {"pillow": PIL.__version__}, "cases": cases}
    TARGET.write_text(json.dumps(fixture, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
