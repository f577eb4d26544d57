"""Cases of ONNX's backend tests: models, their data, and variants of a model.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib

import numpy
import onnx

FOLDERS = ["node", "pytorch-converted", "pytorch-operator", "simple"]
BFLOAT16 = onnx.TensorProto.BFLOAT16

# ONNX's number -> (NumPy type of one stored element, field of TensorProto).
# Types NumPy does not know are held as their codes.
TYPES = {
    1: ("<f4", "float_data"), 2: ("u1", "int32_data"), 3: ("i1", "int32_data"),
    4: ("<u2", "int32_data"), 5: ("<i2", "int32_data"), 6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"), 9: ("?", "int32_data"), 10: ("<f2", "int32_data"),
    11: ("<f8", "double_data"), 12: ("<u4", "uint64_data"),
    13: ("<u8", "uint64_data"), 16: ("<u2", "int32_data"),
    17: ("u1", "int32_data"), 18: ("u1", "int32_data"), 19: ("u1", "int32_data"),
    20: ("u1", "int32_data"), 24: ("u1", "int32_data"),
}
# Four and two bits an element, lowest first.
NARROW = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}


def cases(data):
    """(name, folder) of every case below `data`."""
    for folder in FOLDERS:
        if (data / folder).exists():
            for case in sorted((data / folder).iterdir()):
                if (case / "model.onnx").exists():
                    yield f"{folder}/{case.name}", case


def read_tensor(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return tensor


def to_array(tensor):
    """The elements of a TensorProto, or None when it holds no numbers. Does not
    depend on how new the onnx package is."""
    shape = tuple(tensor.dims)
    count = int(numpy.prod(shape))
    if tensor.data_type in NARROW:
        bits = NARROW[tensor.data_type]
        raw = tensor.raw_data or bytes(v & 255 for v in tensor.int32_data)
        codes = numpy.frombuffer(raw, "u1")[:, None] >> numpy.arange(0, 8, bits)
        codes = (codes & (2 ** bits - 1)).reshape(-1)[:count].astype("u1")
        if tensor.data_type in (22, 26):  # signed
            half = 2 ** (bits - 1)
            codes = ((codes.astype("i1") ^ half) - half).astype("i1")
        return codes.reshape(shape)
    if tensor.data_type not in TYPES:
        return None
    dtype, field = TYPES[tensor.data_type]
    if tensor.HasField("raw_data"):
        return numpy.frombuffer(tensor.raw_data, dtype).reshape(shape)
    values = numpy.array(getattr(tensor, field))
    if tensor.data_type == 10:  # stored as the bits of a half
        return values.astype("<u2").view("<f2").reshape(shape)
    return values.astype(dtype).reshape(shape)


def with_constant_shapes(model, data):
    """Makes initializers of small inputs after the first, and of an integer
    scalar that comes first: shapes, axes and the like, which a compiler wants to
    know."""
    names = [i.name for i in model.graph.input]
    for index, name in enumerate(names):
        path = data / f"input_{index}.pb"
        if not path.exists():
            continue
        tensor = read_tensor(path)
        is_size = not tensor.dims and tensor.data_type in (6, 7)
        if index == 0 and len(names) > 1 and not is_size:
            continue
        tensor.name = name
        if to_array(tensor).size <= 64:
            model.graph.initializer.append(tensor)
    constant = {t.name for t in model.graph.initializer}
    kept = [i for i in model.graph.input if i.name not in constant]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model


def with_dynamic_dimensions(model):
    """Gives every dimension of every input a name of its own, and says nothing
    of the sizes of outputs and of values in between."""
    constant = {t.name for t in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constant:
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"{value.name}.{axis}"
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            dim.Clear()
    del model.graph.value_info[:]
    return model


def operators(model):
    """The names of a model's operators, those of inner graphs included."""
    found = set()

    def visit(graph):
        for node in graph.node:
            domain = f"{node.domain}." if node.domain not in ("", "ai.onnx") else ""
            found.add(domain + node.op_type)
            for attribute in node.attribute:
                for inner in [attribute.g, *attribute.graphs]:
                    visit(inner)
    visit(model.graph)
    return sorted(found)


def opset(model):
    return max([o.version for o in model.opset_import
                if o.domain in ("", "ai.onnx")], default=0)
