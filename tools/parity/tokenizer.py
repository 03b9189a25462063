"""Writes test/fixtures/tokenizer: two small tokenizers in LLaMA's structure and the ids that tokenizers gives.

    python tools/parity/tokenizer.py

`prepend` marks the begin of every section between control tokens (LLaMA's first tokenizer.json); `metaspace` only the
first section's. Conversations are encoded as one string, control tokens included.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TARGET = Path(__file__).parents[2] / "test" / "fixtures" / "tokenizer"

SENTENCES = """
A chat between a curious user and an artificial intelligence assistant.
The assistant gives helpful, detailed, and polite answers to the user's questions.
USER: What is in the image? ASSISTANT: A red apple to the left of a dog.
USER: Where is the umbrella? ASSISTANT: It is at the top right.
USER: How many cats are there? ASSISTANT: There are three cats.
Answer the question using a single word or phrase. What is the colour of the car? blue
Provide the bounding box coordinate of the region this sentence describes: the dog on the right
Answer with the option's letter from the given choices directly. Who wrote this book? What is the title?
"""
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "
)
IMAGE_TOKENS = 3
TURNS = [
    ("What is in the image?\nAnswer the question using a single word or phrase.", "a dog"),
    ("Where is it?", "[0.12, 0.3, 1.00, 0.07]"),
    ("  two  spaces ", "café 日本 🙂"),
]
TEXTS = [
    "What is in the image?",
    "the the  the",
    " leading and trailing ",
    "line\nbreak\ttab",
    "[0.25, 0.5]",
    "naïve Ω 日本語 🙂",
    "UPPER lower MiXeD",
    "",
]


def build(scheme: str) -> Tokenizer:
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False, min_frequency=1
    )
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Digits(True)])
    tokenizer.train_from_iterator(SENTENCES.strip().splitlines(), trainer)
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < 3]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    if scheme == "prepend":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.pre_tokenizer = None
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    tokenizer.add_special_tokens([AddedToken("<image>", normalized=False), AddedToken("<pad>", normalized=False)])
    return tokenizer


def conversation(has_image: bool, turns: list[tuple[str, str]], answered: bool) -> str:
    image = "<image>" * IMAGE_TOKENS + "\n" if has_image else ""
    text = SYSTEM
    for number, (question, answer) in enumerate(turns):
        text += f"USER: {image if number == 0 else ''}{question} ASSISTANT:"
        text += f" {answer}</s>" if answered else ""
    return text


def main() -> None:
    for scheme in ("prepend", "metaspace"):
        tokenizer = build(scheme)
        folder = TARGET / scheme
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8")
        config = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
        config |= {"add_bos_token": True, "clean_up_tokenization_spaces": False, "tokenizer_class": "LlamaTokenizer"}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        texts = []
        for text in TEXTS:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            texts.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids)})
        conversations = [
            {
                "hasImage": has_image,
                "turns": [{"question": question, "answer": answer} for question, answer in TURNS],
                "promptIds": tokenizer.encode(conversation(has_image, TURNS[:1], False)).ids,
                "trainingIds": tokenizer.encode(conversation(has_image, TURNS, True)).ids,
            }
            for has_image in (True, False)
        ]
        expected = {
            "versions": {"tokenizers": tokenizers.__version__},
            "imageTokens": IMAGE_TOKENS,
            "imageTokenId": tokenizer.token_to_id("<image>"),
            "vocabularySize": tokenizer.get_vocab_size(),
            "texts": texts,
            "conversations": conversations,
        }
        (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
