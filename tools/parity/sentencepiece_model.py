"""Writes test/fixtures/tokenizer/sentencepiece: a small tokenizer.model trained as LLaMA's was, and sentencepiece's ids.

    python tools/parity/sentencepiece_model.py

Texts are encoded by sentencepiece itself. Conversations are put together as the original LLaVA does: the text before and the
text after the image each by themselves; after a control token a text begins with a space of its own only in `legacy` mode
(transformers' LlamaTokenizer: otherwise the text is encoded behind an unknown token, whose ids are then taken off).
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import sentencepiece
import tokenizer as small  # The module beside this one: its sentences and conversations.
import transformers
from transformers import LlamaTokenizer

TARGET = Path(__file__).parents[2] / "test" / "fixtures" / "tokenizer" / "sentencepiece"
IMAGE = -200
TEXTS = [
    *small.TEXTS,
    " ",
    "   ",
    "\n",
    "\n\n\n",
    "a\u00a0b\u2003c\u3000d",
    "tabs\t\tand\r\nlines",
    "1234567890 12.5% 3,000",
    "٣٤٥ ½ Ⅻ",
    "e\u0301 é ﬁ ｆｕｌｌ",
    "👩‍👩‍👧 🏳️‍🌈 \U0001f9ff",
    "\u200bzero\u200dwidth\ufeff",
    "▁already▁marked",
    "the dog on the right of the red apple; the dogs' umbrellas",
    "Whatever whatever WHATEVER",
    "ASSISTANT: USER:",
    "مرحبا بالعالم שלום",
    "\u0000\u0001\u007f",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "x" * 3 + " " * 5 + "y",
    "https://example.org/a_b?c=d&e=f#g",
    "<unk> <s> </s> <image> <0x0A>",
]


def train(path: Path) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(small.SENTENCES.strip().splitlines() * 3),
        model_writer=model,
        model_type="bpe",
        vocab_size=620,
        character_coverage=0.99995,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    train(TARGET / "tokenizer.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(TARGET / "tokenizer.model"))
    bos, eos = processor.bos_id(), processor.eos_id()
    unknown = processor.encode("<unk>")

    def after_control(text: str, legacy: bool) -> list[int]:
        return processor.encode(text) if legacy else processor.encode("<unk>" + text)[len(unknown) :]

    def conversation(has_image: bool, turns: list[tuple[str, str]], answered: bool, legacy: bool) -> list[int]:
        text = small.conversation(has_image, turns, answered).replace("<image>" * small.IMAGE_TOKENS, "<image>")
        ids = [bos]
        for number, chunk in enumerate(text.split("<image>")):
            ids += [IMAGE] * small.IMAGE_TOKENS if number > 0 else []
            for part, section in enumerate(chunk.split("</s>")):
                ids += [eos] if part > 0 else []
                if section:
                    ids += processor.encode(section) if part == 0 else after_control(section, legacy)
        return ids

    texts = [{"text": text, "ids": processor.encode(text), "decoded": processor.decode(processor.encode(text))} for text in TEXTS]
    # transformers turns the model into the same tokenizer as we do; where it and sentencepiece differ, the text is not listed.
    fast = LlamaTokenizer.from_pretrained(TARGET, legacy=True)
    differing = [t["text"] for t in texts if fast.encode(t["text"], add_special_tokens=False) != t["ids"]]
    print("transformers differs from sentencepiece in", differing)
    expected = {
        "versions": {"sentencepiece": sentencepiece.__version__, "transformers": transformers.__version__},
        "imageTokens": small.IMAGE_TOKENS,
        "imageTokenId": IMAGE,
        "vocabularySize": processor.get_piece_size(),
        "texts": texts,
        "conversations": [
            {
                "hasImage": has_image,
                "legacy": legacy,
                "turns": [{"question": question, "answer": answer} for question, answer in small.TURNS],
                "promptIds": conversation(has_image, small.TURNS[:1], False, legacy),
                "trainingIds": conversation(has_image, small.TURNS, True, legacy),
            }
            for has_image in (True, False)
            for legacy in (True, False)
        ],
    }
    (TARGET / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
