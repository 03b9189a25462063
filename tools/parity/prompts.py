"""Writes test/fixtures/prompts.json and test/fixtures/tokenizer/bytes: prompts and conversations as transformers encodes them.

    python tools/parity/prompts.py

Conversations are written as strings, by LLaVA's templates or by a chat template through transformers, and encoded whole.
A token is to be learnt when its characters lie in an answer or in the space before it (with which a prompt does not end), or
when it is the control token that ends one. `bytes` is a
byte-level tokenizer in the structure of Qwen2's; the other two are those of tokenizer.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import tokenizer as small  # The module beside this one.
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures"
IMAGE, IMAGE_TOKENS = "<image>", 3
QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML_PARTS = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>\n{% else %}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ part['text'] }}{% endgeneration %}"
    "{% else %}{{ part['text'] }}{% endif %}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ ' ' + message['content'] | trim + eos_token }}{% endif %}{% endfor %}"
)
LLAVA_LLAMA_2_SYSTEM = (
    "You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language."
)
CONVERSATIONS = [
    [("What is in the image?", "a dog")],
    small.TURNS,
    [("12345 67.8%\n\nlines", "1 234"), ("naïve Ω 日本語 🙂 e\u0301", "ﬁ Ⅻ\u00a0x"), ("\ttabs\t", "multiple words, and more.")],
]
TEXTS = [*small.TEXTS, " ", "   x", "\n\n \n", "I'll we've IT'S", "1234567", "a\u00a0b\u3000c", "e\u0301 é Å", "👩‍👩‍👧", "x  \n  y"]


def bytes_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN2_WORDS), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, min_frequency=1
    )
    tokenizer.train_from_iterator((small.SENTENCES * 2).splitlines(keepends=True), trainer)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", IMAGE]
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    return tokenizer


def write_bytes() -> None:
    folder = FIXTURES / "tokenizer" / "bytes"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = bytes_tokenizer()
    (folder / "tokenizer.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8")
    config = {"bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": "Qwen2Tokenizer"}, indent=2) + "\n")
    texts = [{"text": text, "ids": (ids := tokenizer.encode(text).ids), "decoded": tokenizer.decode(ids)} for text in TEXTS]
    expected = {"versions": {"tokenizers": tokenizers.__version__}, "texts": texts}
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n", encoding="utf-8")


def open_tokenizer(name: str) -> PreTrainedTokenizerFast:
    folder = FIXTURES / "tokenizer" / name
    config = json.loads((folder / "tokenizer_config.json").read_text())
    named = {key: config[key] for key in ("bos_token", "eos_token", "pad_token", "unk_token") if config.get(key)}
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **named)


def by_name(name: str, turns: list[tuple[str, str]], has_image: bool, answered: bool) -> str:
    text = ""
    for number, (question, answer) in enumerate(turns):
        question = f"{IMAGE}\n{question}" if has_image and number == 0 else question
        if name == "vicuna_v1":
            text += (small.SYSTEM if number == 0 else "") + f"USER: {question} ASSISTANT:"
            text += f" {answer}</s>" if answered else ""
        else:
            system = f"<<SYS>>\n{LLAVA_LLAMA_2_SYSTEM}\n<</SYS>>\n\n" if number == 0 else "<s>[INST] "
            text += ("[INST] " if number == 0 else "") + f"{system}{question} [/INST]"
            text += f" {answer} </s>" if answered else ""
    return text


def by_template(tokenizer, source: str, turns: list[tuple[str, str]], has_image: bool, answered: bool) -> str:
    listed = "message['content'] %}" in source
    messages = []
    for number, (question, answer) in enumerate(turns):
        image = has_image and number == 0
        if listed:
            content = ([{"type": "image"}] if image else []) + [{"type": "text", "text": question}]
        else:
            content = f"{IMAGE}\n{question}" if image else question
        messages.append({"role": "user", "content": content})
        if answered:
            messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}] if listed else answer})
    return tokenizer.apply_chat_template(messages, chat_template=source, tokenize=False, add_generation_prompt=not answered)


def encode(tokenizer, text: str, answers: list[str], ends: tuple[str, ...]) -> tuple[list[int], list[int]]:
    text = text.replace(IMAGE, IMAGE * IMAGE_TOKENS)
    begins = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    encoded = tokenizer(text, add_special_tokens=not begins, return_offsets_mapping=True)
    spans, position = [], 0
    for answer in answers:
        start = text.index(answer, position)
        position = start + len(answer)
        spans.append((start, position))
    trained = []
    for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"]):
        learnt = any(start < stop and end > begin for begin, stop in spans)
        after = tokenizer.convert_ids_to_tokens(token) in ends and trained and trained[-1] == 1
        trained.append(int(learnt or bool(after)))
    return encoded["input_ids"], trained


def main() -> None:
    write_bytes()
    cases = []
    for name, tokenizer_name, source, end in [
        ("vicuna_v1", "prepend", None, "</s>"),
        ("vicuna_v1", "metaspace", None, "</s>"),
        ("llava_llama_2", "prepend", None, "</s>"),
        ("llava_llama_2", "metaspace", None, "</s>"),
        ("chatml", "bytes", CHATML, "<|im_end|>"),
        ("chatml of parts", "bytes", CHATML_PARTS, "<|im_end|>"),
        ("mistral", "prepend", MISTRAL, "</s>"),
        ("mistral", "metaspace", MISTRAL, "</s>"),
    ]:
        tokenizer = open_tokenizer(tokenizer_name)
        write = (lambda t, i, a: by_name(name, t, i, a)) if source is None else (lambda t, i, a: by_template(tokenizer, source, t, i, a))
        conversations = []
        for turns in CONVERSATIONS:
            for has_image in (True, False):
                # A prompt ends before the space, and llava_llama_2 writes one more: both are the answer's.
                spaced = {"vicuna_v1": " {}", "llava_llama_2": " {} ", "mistral": " {}"}.get(name, "{}")
                shown = [spaced.format(answer.strip() if name == "mistral" else answer) for _, answer in turns]
                ids, trained = encode(tokenizer, write(turns, has_image, True), shown, (end,))
                prompt, _ = encode(tokenizer, write(turns[:1], has_image, False), [], (end,))
                conversations.append(
                    {
                        "hasImage": has_image,
                        "turns": [{"question": question, "answer": answer} for question, answer in turns],
                        "promptIds": prompt,
                        "trainingIds": ids,
                        "trained": "".join(map(str, trained)),
                    }
                )
        cases.append({"template": name, "tokenizer": tokenizer_name, "source": source, "conversations": conversations})
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    (FIXTURES / "prompts.json").write_text(
        json.dumps({"versions": versions, "imageTokens": IMAGE_TOKENS, "cases": cases}, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
