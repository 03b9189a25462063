"""The process: greets with its versions and its device, then answers one message after another until its input ends."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from .frames import read_frame, write_frame

OLDEST = (2, 4)


def main() -> None:
    source, target = sys.stdin.buffer, _private_output()
    greeting = read_frame(source)
    if greeting is None:
        return
    options, _ = greeting
    try:
        import numpy  # noqa: F401 - its absence is told apart from other failures
        import torch
    except ImportError as error:
        write_frame(target, {"error": str(error), "kind": "missing"})
        return
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < OLDEST:
        needed = ".".join(map(str, OLDEST))
        write_frame(target, {"error": f"PyTorch {torch.__version__}, needed is {needed} or newer", "kind": "missing"})
        return

    from .server import Server

    if options.get("threads"):
        torch.set_num_threads(options["threads"])
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        server = Server(options["device"], options["precision"])
    except ValueError as error:
        write_frame(target, {"error": str(error), "kind": "device"})
        return
    name = torch.cuda.get_device_name(server.device) if server.device.type == "cuda" else server.device.type
    write_frame(target, {"torch": torch.__version__, "device": str(server.device), "name": name})
    while (frame := read_frame(source)) is not None:
        write_frame(target, *server.answer(*frame))


def _private_output() -> BinaryIO:
    """Standard output for messages alone: whatever else prints goes to standard error."""
    sys.stdout.flush()
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return private
