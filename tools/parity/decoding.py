"""Writes decoded.json beside each tokenizer of test/fixtures/tokenizer: random ids, and the text that transformers makes.

    python tools/parity/decoding.py

The ids are of every kind that a model may say: words, control tokens, rows of a padded vocabulary that are no token, and
runs of bytes that need not be UTF-8. `decoded` leaves control tokens out, `whole` shows them.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import tokenizers
import transformers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

TARGET = Path(__file__).parents[2] / "test" / "fixtures" / "tokenizer"
FOLDERS, SEQUENCES, PADDED = ("prepend", "metaspace", "bytes"), 200, 16
TEXTS = ["I do n't know .", "Dr . X 's house , a dog !", "he 's here ; they 've been", "naïve 日本語 🙂", "a\ufeffb\x1c"]


def sequences(tokenizer: PreTrainedTokenizerFast) -> list[list[int]]:
    chance = random.Random(11)
    size = len(tokenizer)
    names = tokenizer.convert_ids_to_tokens(range(size))
    bytes_ = [i for i, name in enumerate(names) if len(name) == 6 and name.startswith("<0x")] or list(range(256))
    special = tokenizer.all_special_ids
    kinds = [
        lambda: chance.randrange(size),
        lambda: chance.choice(bytes_),
        lambda: chance.choice(special),
        lambda: size + chance.randrange(PADDED),
    ]
    found = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
    while len(found) < SEQUENCES:
        weights = [chance.random() for _ in kinds]
        found.append([chance.choices(kinds, weights)[0]() for _ in range(chance.randrange(1, 24))])
    return found


def main() -> None:
    for name in FOLDERS:
        folder = TARGET / name
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows = [
            {
                "ids": ids,
                "decoded": tokenizer.decode(ids, skip_special_tokens=True),
                "whole": tokenizer.decode(ids, skip_special_tokens=False),
            }
            for ids in sequences(tokenizer)
        ]
        versions = {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
        lines = ",\n".join(json.dumps(row) for row in rows)
        (folder / "decoded.json").write_text(
            f'{{"versions": {json.dumps(versions)}, "sequences": [\n{lines}\n]}}\n', encoding="utf-8"
        )


if __name__ == "__main__":
    main()
