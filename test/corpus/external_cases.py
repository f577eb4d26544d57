"""External data that is not where it may be.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os

from onnx import TensorProto

from models import product

BAD, UNSUPPORTED, RESOURCES, IO = 3, 4, 5, 6


def external(prepare=None, **entries):
    """The product with its weights outside; `prepare` makes the files."""
    def content(folder):
        if prepare:
            prepare(folder)
        result = product()
        weights = result.graph.initializer[0]
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, text in entries.items():
            entry = weights.external_data.add()
            entry.key, entry.value = key, str(text)
        return result
    return content


def good(name="weights.bin", size=32):
    return lambda folder: (folder / name).write_bytes(bytes(size))


def link(target, name="weights.bin"):
    return lambda folder: os.symlink(target, folder / name)


def outside(folder):
    (folder.parent / "outside.bin").write_bytes(bytes(32))


def cases():
    def case(name, code, message, comment, *arguments, **entries):
        return (f"external-{name}", code, message, comment,
                external(*arguments, **entries))
    w = "weights.bin"
    yield case("absent", BAD, "is not in", "no such file", location=w)
    yield case("too-short", BAD, "too short", "28 of 32 bytes", good(size=28),
               location=w)
    yield case("past-end", BAD, "too short", "offset 8 of 32 bytes", good(),
               location=w, offset=8)
    yield case("offset-overflow", BAD, "too short", "offset + length overflows", good(),
               location=w, offset=2 ** 64 - 16)
    yield case("offset-beyond-64-bits", BAD, "not a number", "an offset of 2^64", good(),
               location=w, offset=2 ** 64)
    yield case("offset-negative", BAD, "not a number", "an offset of -8", good(),
               location=w, offset=-8)
    yield case("offset-text", BAD, "not a number", "an offset of 'x'", good(),
               location=w, offset="x")
    yield case("offset-hexadecimal", BAD, "not a number", "an offset of '0x10'", good(),
               location=w, offset="0x10")
    yield case("offset-empty", BAD, "not a number", "an offset of ''", good(),
               location=w, offset="")
    yield case("length-mismatch", BAD, "needs 32 bytes", "length 16 for 32 bytes",
               good(), location=w, length=16)
    yield case("length-negative", BAD, "not a number", "length -1", good(), location=w,
               length=-1)
    yield case("length-huge", BAD, "needs 32 bytes", "length 2^63", good(), location=w,
               length=2 ** 63)
    yield case("location-absent", BAD, "no file name", "no location", good())
    yield case("location-empty", BAD, "no file name", "location ''", good(), location="")
    yield case("location-nul", BAD, "file name", "a NUL in the location", good(),
               location="weights.bin\0.txt")
    yield case("location-dot", BAD, "names no file", "location '.'", location=".")
    yield case("location-too-long", BAD, "too long", "5,000 characters",
               location="a" * 5000)
    yield case("absolute", BAD, "absolute path", "/etc/passwd", location="/etc/passwd")
    yield case("absolute-slashes", BAD, "absolute path", "//etc/passwd",
               location="//etc/passwd")
    yield case("parent", BAD, "outside the model's folder", "../outside.bin", outside,
               location="../outside.bin")
    yield case("parent-absent", BAD, "outside the model's folder",
               "what is not there is not probed", location="../nowhere/file")
    yield case("parent-through-folder", BAD, "outside the model's folder",
               "sub/../../outside.bin",
               lambda f: (outside(f), (f / "sub").mkdir()),
               location="sub/../../outside.bin")
    yield case("parent-and-back", BAD, "outside the model's folder",
               "../<own folder>/weights.bin", good(),
               location="../external-parent-and-back/weights.bin")
    yield case("backslash-parent", BAD, "is not in", "'..\\outside.bin' is a file name",
               outside, location="..\\outside.bin")
    yield case("link-outside", BAD, "outside the model's folder", "a link to the parent",
               lambda f: (outside(f), link("../outside.bin")(f)), location=w)
    yield case("link-absolute", BAD, "outside the model's folder", "a link to /etc/passwd",
               link("/etc/passwd"), location=w)
    yield case("link-to-link-outside", BAD, "a link to a link",
               "a link to a link to the parent",
               lambda f: (outside(f), link("../outside.bin", "a")(f), link("a")(f)),
               location=w)
    yield case("link-folder-outside", BAD, "goes through 'up'", "a linked folder above", lambda f: (outside(f), link("..", "up")(f)),
               location="up/outside.bin")
    yield case("link-loop", BAD, "a link to a link", "a link to itself", link(w), location=w)
    yield case("link-dangling", BAD, "is not in", "a link to nothing", link("nothing"),
               location=w)
    yield case("folder", BAD, "not a regular file", "a folder",
               lambda f: (f / w).mkdir(), location=w)
    yield case("pipe", BAD, "not a regular file", "a pipe",
               lambda f: os.mkfifo(f / w), location=w)
    yield case("device", BAD, "outside the model's folder", "a link to /dev/zero",
               link("/dev/zero"), location=w)
    yield case("empty", BAD, "too short", "an empty file", good(size=0), location=w)
    yield ("external-location-twice", BAD, "twice", "two locations", twice)


def twice(folder):
    result = external(good(), location="weights.bin")(folder)
    entry = result.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "other.bin"
    return result
