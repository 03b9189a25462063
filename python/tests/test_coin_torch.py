"""Tests of what the TypeScript side cannot see: sizes, messages, shared weights. Run by `python -m unittest`."""

import io
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from coin_torch.dims import shape_of, size_of
from coin_torch.frames import read_frame, write_frame
from coin_torch.graph import Program
from coin_torch.precision import PRECISIONS
from coin_torch.weights import ByteRange, WeightStore

CPU = torch.device("cpu")


class Dims(unittest.TestCase):
    def test_sums_of_products(self) -> None:
        sizes = {"batch": 2, "past": 5, "tokens": 3}
        self.assertEqual(size_of("4*batch*(past+-1*tokens)", sizes), 16)
        self.assertEqual(shape_of([1, "(past+tokens)", "-2*batch"], sizes), (1, 8, -4))

    def test_a_name_without_a_size(self) -> None:
        with self.assertRaisesRegex(ValueError, "heads"):
            size_of("2*heads", {})


class Frames(unittest.TestCase):
    def test_there_and_back(self) -> None:
        pipe = io.BytesIO()
        write_frame(pipe, {"a": [1]}, [memoryview(b"xy"), memoryview(b"")])
        pipe.seek(0)
        self.assertEqual(read_frame(pipe), ({"a": [1], "bytes": [2, 0]}, [bytearray(b"xy"), bytearray()]))
        self.assertIsNone(read_frame(pipe))

    def test_cut_short(self) -> None:
        pipe = io.BytesIO()
        write_frame(pipe, {}, [memoryview(b"xyz")])
        for length in range(1, len(pipe.getvalue())):
            with self.assertRaises(EOFError):
                read_frame(io.BytesIO(pipe.getvalue()[:length]))


class Weights(unittest.TestCase):
    def test_are_read_once_and_dropped_with_the_last_user(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "weights")
            numbers = np.arange(6, dtype=np.float16)
            file.write_bytes(b"###" + numbers.tobytes())
            source = ByteRange(str(file), 3, 12, "F16")
            store = WeightStore(CPU, torch.float32)
            first = store.acquire(source)
            self.assertEqual(first.tolist(), numbers.tolist())
            self.assertIs(store.acquire(source), first)
            self.assertEqual(store.bytes_held, 24)
            store.release(source)
            self.assertEqual(store.bytes_held, 24)
            store.release(source)
            self.assertEqual(store.bytes_held, 0)
            with self.assertRaisesRegex(ValueError, "ends at byte 15"):
                store.acquire(ByteRange(str(file), 3, 14, "F16"))


class Values(unittest.TestCase):
    def test_are_dropped_after_their_last_use(self) -> None:
        nodes = [
            {"primitive": "input", "inputs": [], "attributes": {"name": "x", "dtype": "float32", "shape": ["n"]}},
            {"primitive": "exp", "inputs": [0], "attributes": {}},
            {"primitive": "neg", "inputs": [1], "attributes": {}},
            {"primitive": "add", "inputs": [2, 0], "attributes": {}},
        ]
        graph = {"nodes": nodes, "outputs": {"y": 3}}
        program = Program(graph, [], WeightStore(CPU, torch.float32), PRECISIONS["float32"], CPU)
        self.assertEqual([set(i.spent) for i in program._instructions], [set(), {1}, {0, 2}])
        y = program.run({"x": torch.tensor([0.0, 1.0])})["y"]
        self.assertTrue(torch.allclose(y, torch.tensor([-1.0, 1 - np.e])))


if __name__ == "__main__":
    unittest.main()
