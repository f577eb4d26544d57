"""Files that are no models, or models that are damaged as bytes.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import random

from onnx import helper

from models import product, tensor

BAD, UNSUPPORTED, RESOURCES = 3, 4, 5


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, payload):
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def nested(depth):
    """ModelProto.graph.node.attribute.g.node.attribute.g ... by hand."""
    output = field(12, field(1, b"x"))
    graph = field(1, field(2, b"x") + field(4, b"Constant")) + output
    for level in range(depth):
        name = b"x%d" % level
        node = field(2, name) + field(4, b"If") + field(
            5, field(1, b"then_branch") + field(6, graph))
        graph = field(1, node) + field(12, field(1, name))
    return field(7, graph)


def foreign():
    return {
        "empty": (b"", "an empty file"),
        "zip": (b"PK\x03\x04" + bytes(64), "ZIP archive"),
        "pickle-2": (b"\x80\x02}q\x00.", "Python pickle"),
        "pickle-4": (b"\x80\x04\x95" + bytes(30), "Python pickle"),
        "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
        "tflite": (bytes(4) + b"TFL3" + bytes(64), "TensorFlow Lite"),
        "gguf": (b"GGUF\x03" + bytes(64), "GGUF"),
        "ort": (bytes(4) + b"ORTM" + bytes(64), "ONNX Runtime"),
        "npy": (b"\x93NUMPY\x01\x00" + bytes(64), "NumPy array"),
        "gzip": (b"\x1f\x8b\x08" + bytes(64), "gzip"),
        "elf": (b"\x7fELF" + bytes(64), "an executable"),
        "lfs-pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
                        "Git LFS pointer"),
        "xml": (b"<?xml version='1.0'?><net/>", "an XML file"),
        "html": (b"<!DOCTYPE html><html>not found</html>", "an HTML page"),
        "text": (b"weights: see the other file\n", "a text file"),
        "safetensors": ((40).to_bytes(8, "little") + b'{"w":{"dtype":"F32"}}' +
                        bytes(60), "safetensors"),
        "mlir-bytecode": (b"ML\xefR" + bytes(60), "MLIR bytecode"),
    }


def cases():
    for name, (content, message) in foreign().items():
        yield f"file-{name}", BAD, message, "another kind of file", content
    whole = product().SerializeToString()
    for part in (1, 3, 5, 7):
        yield (f"truncated-{part}-8", BAD, "expected an ONNX model",
               f"{part}/8 of a model", whole[:len(whole) * part // 8])
    yield "trailing-garbage", BAD, "expected an ONNX model", "a model and 0xff", \
        whole + b"\xff\xff\xff"
    source = random.Random(1)
    for size in (7, 100, 5000):
        yield f"noise-{size}", BAD, "expected an ONNX model", "random bytes", \
            source.randbytes(size)
    yield "zeros", BAD, "expected an ONNX model", "zeros", bytes(1000)
    yield "length-past-end", BAD, "expected an ONNX model", \
        "a field that claims 2^60 bytes", varint(7 << 3 | 2) + varint(1 << 60)
    yield "endless-varint", BAD, "expected an ONNX model", "a varint without end", \
        b"\xff" * 64
    yield "wire-type-7", BAD, "expected an ONNX model", "no such wire type", \
        varint(7 << 3 | 7) + bytes(8)
    yield "field-0", BAD, "expected an ONNX model", "field number 0", \
        varint(2) + varint(4) + bytes(4)
    yield "unclosed-group", BAD, "expected an ONNX model", "a group without end", \
        varint(99 << 3 | 3)
    yield "only-unknown-fields", BAD, "without a graph", "no field of a model", \
        field(999, b"x")
    yield "graph-of-garbage", BAD, "expected an ONNX model", "garbage as a graph", \
        field(7, b"\xff\xff\xff\xff")
    yield "tensor-file", BAD, "expected an ONNX model", "a TensorProto, no model", \
        tensor("x", [1, 2, 3]).SerializeToString()
    yield "nested-40", RESOURCES, "nested deeper", "graphs in graphs, 40 deep", \
        with_opset(nested(40))
    for depth in (1000, 100000):
        yield (f"nested-{depth}", BAD, "expected an ONNX model",
               f"graphs in graphs, {depth} deep", nested_flat(depth))
    yield "many-nodes", RESOURCES, "more than the limit", "2^20 + 1 nodes", \
        many_nodes((1 << 20) + 1)
    for name, version in (("zero", 0), ("negative", -1), ("max", 2 ** 63 - 1),
                          ("29", 29)):
        yield (f"opset-{name}", UNSUPPORTED, "expected an opset", "an opset outside 1-28",
               with_opset_version(version))
    yield "opset-absent", BAD, "opset_import", "no opset_import", without_opset()
    yield "opset-twice", BAD, "twice", "the default domain imported twice", \
        two_opsets()


def with_opset(graph_field):
    return field(8, varint(2 << 3) + varint(17)) + graph_field


def nested_flat(depth):
    """As nested, in linear time: lengths are made from the inside out."""
    parts = []
    size = 0
    head1, head2 = field(4, b"If"), field(1, b"then_branch")
    for _ in range(depth):
        graph = varint(6 << 3 | 2) + varint(size)
        attribute_size = len(head2) + len(graph) + size
        attribute = varint(5 << 3 | 2) + varint(attribute_size)
        node_size = len(head1) + len(attribute) + attribute_size
        node = varint(1 << 3 | 2) + varint(node_size)
        piece = node + head1 + attribute + head2 + graph
        parts.append(piece)
        size += len(piece)
    return with_opset(varint(7 << 3 | 2) + varint(size) + b"".join(reversed(parts)))


def many_nodes(count):
    node = field(1, field(1, b"x") + field(4, b"Relu"))
    return with_opset(field(7, node * count))


def with_opset_version(version):
    model = product()
    model.opset_import[0].version = version
    return model


def without_opset():
    model = product()
    del model.opset_import[:]
    return model


def two_opsets():
    model = product()
    model.opset_import.append(helper.make_opsetid("ai.onnx", 11))
    return model
