"""Compares logits of ours with those of transformers for the same model folder: parity.py FOLDER FILE.safetensors"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlavaForConditionalGeneration

TOLERANCE = 1e-4


def main(folder: str, file: str) -> int:
    ours = load_file(file)
    model, info = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    strange = {kind: sorted(names) for kind, names in info.items() if kind != "error_msgs" and names}
    ids = ours["ids"].long()
    mask = (torch.arange(ids.shape[1]) < ours["lengths"][:, None]).long()
    with torch.inference_mode():
        logits = model.eval()(input_ids=ids, attention_mask=mask, pixel_values=ours["pixels"]).logits
    real = mask.bool()
    theirs, found = logits[real], ours["logits"][real]
    difference = ((theirs - found).abs().max() / theirs.abs().max()).item()
    same = (theirs.argmax(-1) == found.argmax(-1)).float().mean().item()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"transformers {transformers.__version__}, torch {torch.__version__}: {weights:,} weights, vocabulary {len(tokenizer):,}")
    print(f"keys missing, unexpected or misshapen: {strange or 'none'}")
    print(f"logits {list(logits.shape)}: largest {theirs.abs().max().item():.3f}, largest relative difference {difference:.2e}, same best token at {100 * same:.1f} % of positions")
    return 0 if difference < TOLERANCE and not strange else 1


sys.exit(main(*sys.argv[1:]))
