"""Writes the arrays that qrun's tests feed, without numpy.

Example: arrays.py FOLDER

good.npy (f32[4x1x28x28]), wide.npy (a wrong shape), double.npy (a wrong type),
labels.npy (i64[4]), scores.npy (f32[4x10]), named.npz (image and other).

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import struct
import sys
import zipfile


def npy(path, code, shape, data):
    head = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }"
            % (code, tuple(shape))).encode()
    head += b" " * (-(10 + len(head) + 1) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pixels = [(7 * i % 256) / 256 for i in range(4 * 28 * 28)]
    npy(folder / "good.npy", "<f4", (4, 1, 28, 28), struct.pack("<3136f", *pixels))
    npy(folder / "wide.npy", "<f4", (4, 1, 28, 29), bytes(4 * 4 * 28 * 29))
    npy(folder / "double.npy", "<f8", (4, 1, 28, 28), bytes(8 * 4 * 784))
    npy(folder / "labels.npy", "<i8", (4,), struct.pack("<4q", -1, -1, -1, -1))
    npy(folder / "scores.npy", "<f4", (4, 10), struct.pack("<40f", *range(40)))
    with zipfile.ZipFile(folder / "named.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "good.npy", "image.npy")
        archive.write(folder / "wide.npy", "other.npy")


main()
