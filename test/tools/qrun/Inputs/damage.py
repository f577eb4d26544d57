"""Damages an artifact in every way that must be noticed.

Example: damage.py model.qar -- qrun FILE --random-seed 1

Flips a byte of the header, of every section entry and at the start, middle and
end of every section, and cuts the file short; runs the command on each, with
FILE replaced, and expects exit code 7.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import struct
import subprocess
import sys


def sections(data):
    """(kind, offset, size) of each section; layout in include/qrt/format.h."""
    (count,) = struct.unpack_from("<I", data, 24)
    for i in range(count):
        kind, _, offset, size = struct.unpack_from("<IIQQ", data, 64 + 80 * i)
        yield kind, offset, size


def main():
    source, command = pathlib.Path(sys.argv[1]), sys.argv[3:]
    data = source.read_bytes()
    found = list(sections(data))
    damaged = source.with_suffix(".damaged")

    def expect_refusal(what, content):
        damaged.write_bytes(content)
        line = [str(damaged) if word == "FILE" else word for word in command]
        code = subprocess.run(line, capture_output=True).returncode
        if code != 7:
            sys.exit(f"{what}: expected exit code 7, found {code}")

    places = [0, 9, 40, 60] + [64 + 80 * i + 10 for i in range(len(found))]
    for kind, offset, size in found:
        places += [offset, offset + size // 2, offset + size - 1]
    for at in places:
        flipped = bytearray(data)
        flipped[at] ^= 0x10
        expect_refusal(f"byte {at} flipped", flipped)
    for size in [0, 1, 63, 64, 4095, 4096, len(data) // 2, len(data) - 1]:
        expect_refusal(f"cut to {size} bytes", data[:size])
    expect_refusal("a byte appended", data + b"\0")
    print("kinds of sections:", *sorted({kind for kind, _, _ in found}))


main()
