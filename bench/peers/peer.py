"""The other side of the benchmark: the same model from the same folder, trained and asked as the field does today.

PyTorch, transformers and PEFT. Reads requests as lines of JSON on stdin and answers each with a line on stdout; see
bench/protocol.ts. Options of a line: method (none, lora, moelora-loop, moelora-batched), precision (fp32,
bf16-autocast, bf16-weights) and, for training, batches (random, bucketed).
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import json
import os
import re
import resource
import sys
import time
import warnings
from typing import Any, Callable

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Only replies may reach the driver; whatever a library prints goes to stderr.
replies = os.fdopen(os.dup(1), "w", buffering=1)
sys.stdout = sys.stderr

import peft
import torch
import transformers
from moelora import MoELoRALinear
from safetensors.torch import load_file
from transformers import LlavaForConditionalGeneration

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
warnings.filterwarnings("ignore")
THREADS = int(os.environ.get("PEER_THREADS", len(os.sched_getaffinity(0))))
torch.set_num_threads(THREADS)

TARGETS = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
IGNORED_LABEL = -100

Json = dict[str, Any]


class Peer:
    def __init__(self, workload: Json) -> None:
        self.workload = workload
        self.pixels = load_file(workload["pixels"])["pixels"]
        self.bases: dict[torch.dtype, LlavaForConditionalGeneration] = {}
        with open(os.path.join(workload["model"], "config.json")) as file:
            text = json.load(file)["text_config"]
        self.end, self.padding = text.get("eos_token_id", 2), text.get("pad_token_id", 0)

    @staticmethod
    def dtype(precision: str) -> torch.dtype:
        """Of the weights."""
        return torch.bfloat16 if precision == "bf16-weights" else torch.float32

    def base(self, precision: str) -> LlavaForConditionalGeneration:
        """The model with every weight frozen; one per type of weights, shared by all lines."""
        dtype = self.dtype(precision)
        if dtype not in self.bases:
            model = LlavaForConditionalGeneration.from_pretrained(self.workload["model"], dtype=dtype)
            self.bases[dtype] = model.requires_grad_(False).eval()
        return self.bases[dtype]

    def adapted(self, method: str, precision: str) -> torch.nn.Module:
        """A copy with an adapter and a projector of its own; all frozen weights stay those of the base."""
        base = self.base(precision)
        frozen = {id(p): p for name, p in base.named_parameters() if "multi_modal_projector" not in name}
        model = copy.deepcopy(base, frozen)
        settings = self.workload["adapter"]
        if method == "lora":
            config = peft.LoraConfig(
                r=settings["rank"],
                lora_alpha=settings["alpha"],
                lora_dropout=settings["dropout"],
                target_modules=TARGETS,
                bias="none",
            )
            # Adapters of the type of the weights: PEFT's default would compute them in float32, which is slower.
            model = peft.get_peft_model(model, config, autocast_adapter_dtype=False)
        elif method != "none":
            for name, layer in list(model.named_modules()):
                if not re.fullmatch(TARGETS, name):
                    continue
                parent = model.get_submodule(name.rpartition(".")[0])
                mixture = MoELoRALinear(
                    layer,
                    settings["rank"],
                    settings["alpha"],
                    settings["experts"],
                    settings["dropout"],
                    batched=method == "moelora-batched",
                    dtype=layer.weight.dtype,
                )
                setattr(parent, name.rpartition(".")[2], mixture)
        for name, parameter in model.named_parameters():
            if "multi_modal_projector" in name:
                parameter.requires_grad_(True)
        return model

    def keep(self, lines: list[Json]) -> None:
        """Drops base models that none of these lines needs."""
        wanted = {self.dtype(line["options"]["precision"]) for line in lines}
        self.bases = {dtype: model for dtype, model in self.bases.items() if dtype in wanted}

    def prepare(self, line: Json) -> Callable[[], Json]:
        return {"train": self.training, "evaluate": self.evaluation}[line["kind"]](line["options"])

    def training(self, options: Json) -> Callable[[], Json]:
        model = self.adapted(options["method"], options["precision"]).train()
        settings = self.workload["training"]
        trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        projector = [p for name, p in trained if "multi_modal_projector" in name]
        adapter = [p for name, p in trained if "multi_modal_projector" not in name]
        assert adapter and projector
        optimizer = torch.optim.AdamW(
            [
                {"params": adapter, "lr": settings["learningRate"]},
                {"params": projector, "lr": settings["projectorLearningRate"]},
            ],
            betas=(settings["beta1"], settings["beta2"]),
            eps=settings["epsilon"],
            weight_decay=settings["weightDecay"],
            fused=True,
        )
        batches = [self.batch(rows) for rows in self.workload["batches"][options["batches"]]]
        samples = self.workload["train"]
        tokens = sum(len(sample["inputIds"]) for sample in samples)
        dtype = self.dtype(options["precision"])

        def job() -> Json:
            losses = []
            started = time.perf_counter()
            for batch in batches:
                with autocast(options["precision"]):
                    loss = model(**{**batch, "pixel_values": batch["pixel_values"].to(dtype)}, use_cache=False).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(adapter + projector, settings["clipNorm"])
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                losses.append(loss.item())
            seconds = time.perf_counter() - started
            return {"seconds": seconds, "samples": len(samples), "tokens": tokens, "loss": sum(losses) / len(losses)}

        return job

    def evaluation(self, options: Json) -> Callable[[], Json]:
        """One question at a time. `none` stands for LoRA merged into the weights, which costs nothing at this point."""
        method, precision = options["method"], options["precision"]
        model = (self.base(precision) if method == "none" else self.adapted(method, precision)).eval()
        dtype = self.dtype(precision)
        questions = self.workload["test"][: self.workload["peerQuestions"]]

        def job() -> Json:
            answers = []
            started = time.perf_counter()
            with torch.inference_mode(), autocast(precision):
                for question in questions:
                    ids = torch.tensor([question["inputIds"]])
                    output = model.generate(
                        input_ids=ids,
                        attention_mask=torch.ones_like(ids),
                        pixel_values=self.pixels[[question["image"]]].to(dtype),
                        max_new_tokens=self.workload["maxNewTokens"],
                        do_sample=False,
                        use_cache=True,
                        eos_token_id=self.end,
                        pad_token_id=self.padding,
                    )
                    answers.append([id for id in output[0, ids.shape[1] :].tolist() if id != self.end])
            seconds = time.perf_counter() - started
            tokens = sum(len(q["inputIds"]) for q in questions) + sum(len(answer) for answer in answers)
            return {"seconds": seconds, "samples": len(questions), "tokens": tokens, "answers": answers}

        return job

    def batch(self, rows: list[int]) -> dict[str, torch.Tensor]:
        """Samples padded on the right to the longest of them."""
        samples = [self.workload["train"][row] for row in rows]
        longest = max(len(sample["inputIds"]) for sample in samples)
        ids = torch.full((len(samples), longest), self.padding)
        labels = torch.full_like(ids, IGNORED_LABEL)
        mask = torch.zeros_like(ids)
        for row, sample in enumerate(samples):
            length = len(sample["inputIds"])
            ids[row, :length] = torch.tensor(sample["inputIds"])
            mask[row, :length] = 1
            trained = torch.tensor(sample["trained"], dtype=torch.bool)
            labels[row, :length][trained] = ids[row, :length][trained]
        pixels = self.pixels[[sample["image"] for sample in samples]]
        return {"input_ids": ids, "attention_mask": mask, "labels": labels, "pixel_values": pixels}


def autocast(precision: str) -> contextlib.AbstractContextManager:
    return torch.autocast("cpu", torch.bfloat16) if precision == "bf16-autocast" else contextlib.nullcontext()


def free_memory() -> None:
    """Gives back what earlier lines held, so that they do not slow down those that are measured."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def repeat(job: Callable[[], Json], times: int) -> Json:
    total: Json = {"seconds": 0.0, "samples": 0, "tokens": 0}
    for _ in range(times):
        once = job()
        total = {**once, **{key: total[key] + once[key] for key in ("seconds", "samples", "tokens")}}
    return total


def main() -> None:
    peers: dict[str, Peer] = {}
    jobs: dict[str, Callable[[], Json]] = {}
    for text in sys.stdin:
        request = json.loads(text)
        command = request["command"]
        if command == "quit":
            break
        try:
            if command == "prepare":
                started = time.perf_counter()
                jobs.clear()
                if request["workload"] not in peers:
                    with open(request["workload"]) as file:
                        peers[request["workload"]] = Peer(json.load(file))
                peer = peers[request["workload"]]
                peer.keep(request["lines"])
                free_memory()
                jobs = {line["name"]: peer.prepare(line) for line in request["lines"]}
                versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
                versions["python"] = sys.version.split()[0]
                reply = {"seconds": time.perf_counter() - started, "versions": versions, "threads": THREADS}
            elif command == "round":
                reply = repeat(jobs[request["line"]], request["repeat"])
            else:
                reply = {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
        except Exception as error:  # The driver decides what an error means.
            reply = {"error": f"peer: {type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")


main()
