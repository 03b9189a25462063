"""Messages of the pipe: a header of JSON and the bytes of tensors behind it, each with its length in front.

    4 bytes   length of the header, little-endian
    header    JSON; its key "bytes" lists the lengths of the buffers that follow
    buffers   one after another

Nothing else is ever read or written: no pickle, no code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

Message = dict[str, Any]

# A header describes a graph; a longer one is no message of ours.
LONGEST_HEADER = 1 << 30


def read_frame(source: BinaryIO) -> tuple[Message, list[bytearray]] | None:
    """The next message, or None at the end. Raises EOFError where a message is cut short."""
    prefix = source.read(4)
    if not prefix:
        return None
    (length,) = struct.unpack("<I", _whole(prefix, 4))
    if length > LONGEST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    header: Message = json.loads(_whole(source.read(length), length))
    return header, [_buffer(source, size) for size in header.get("bytes", [])]


def write_frame(target: BinaryIO, header: Message, buffers: Sequence[memoryview] = ()) -> None:
    text = json.dumps({**header, "bytes": [buffer.nbytes for buffer in buffers]}).encode()
    target.write(struct.pack("<I", len(text)))
    target.write(text)
    target.writelines(buffers)
    target.flush()


def _buffer(source: BinaryIO, size: int) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    filled = 0
    while filled < size:
        count = source.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("a message is cut short")
        filled += count
    return buffer


def _whole(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise EOFError("a message is cut short")
    return data
