# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads GGUF, the model files of llama.cpp: metadata, and weights as f32 arrays.

Little-endian throughout: "GGUF", version, number of tensors and of metadata
entries; the entries (key, type, value); of each tensor its name, shape (fastest
axis first), type and offset; then the data, aligned.
"""

import dataclasses
import math
import struct

import numpy as np

MAGIC, VERSIONS, DEFAULT_ALIGNMENT = b"GGUF", (2, 3), 32
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?",
           10: "Q", 11: "q", 12: "d"}


class Gguf:
    """`metadata` is {key: value}; `array(name)` reads a tensor of `tensors`."""

    def __init__(self, data):
        self._data, self._at = data, 0
        magic, version, tensors, entries = self._take("4sIQQ")
        if magic != MAGIC or version not in VERSIONS:
            raise ValueError(f"expected {MAGIC} of version 2 or 3, "
                             f"found {magic} of version {version}")
        self.metadata = {}
        for _ in range(entries):
            key = self._string()
            self.metadata[key] = self._value(*self._take("I"))
        self.tensors = dict(self._tensor() for _ in range(tensors))
        alignment = self.metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        self._start = -(-self._at // alignment) * alignment

    def array(self, name):
        """float32, slowest axis first."""
        tensor = self.tensors[name]
        if tensor.type not in DECODERS:
            raise ValueError(f"{name}: expected a type of {sorted(DECODERS)}, "
                             f"found {tensor.type}")
        block, dtype, decode = DECODERS[tensor.type]
        blocks = np.frombuffer(self._data, dtype, math.prod(tensor.shape) // block,
                               self._start + tensor.offset)
        return decode(blocks).reshape(tensor.shape)

    def _take(self, layout):
        values = struct.unpack_from(f"<{layout}", self._data, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return values

    def _string(self):
        length, = self._take("Q")
        self._at += length
        return bytes(self._data[self._at - length:self._at]).decode()

    def _value(self, kind):
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            kind, count = self._take("IQ")
            return [self._value(kind) for _ in range(count)]
        return self._take(SCALARS[kind])[0]

    def _tensor(self):
        name = self._string()
        rank, = self._take("I")
        shape = self._take("Q" * rank)[::-1]
        return name, _Tensor(shape, *self._take("IQ"))


@dataclasses.dataclass(frozen=True)
class _Tensor:
    shape: tuple
    type: int
    offset: int


def _floats(blocks):
    return blocks.astype(np.float32)


def _q4_1(blocks):
    """scale * code + least; byte i holds code i, and code i + 16 above it."""
    codes = np.concatenate([blocks["codes"] & 15, blocks["codes"] >> 4], 1)
    scale, least = (blocks[key].astype(np.float32)[:, None]
                    for key in ("scale", "least"))
    return scale * codes + least


def _q8_0(blocks):
    return blocks["scale"].astype(np.float32)[:, None] * blocks["codes"]


# Number of a type: elements of a block, its layout, blocks to float32.
DECODERS = {
    0: (1, np.dtype("<f4"), _floats),
    1: (1, np.dtype("<f2"), _floats),
    3: (32, np.dtype([("scale", "<f2"), ("least", "<f2"), ("codes", "u1", 16)]),
        _q4_1),
    8: (32, np.dtype([("scale", "<f2"), ("codes", "i1", 32)]), _q8_0),
}
