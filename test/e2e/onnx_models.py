"""One-node and few-node ONNX models for the end-to-end tests.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import tempfile

import numpy
import onnx
from onnx import helper, numpy_helper

import tools

CONTRIB = "com.microsoft"


def node(op, inputs, outputs, domain="", **attributes):
    return helper.make_node(op, inputs, outputs, domain=domain, **attributes)


def element_type(value):
    """The ONNX number of an array's type; numbers stand for themselves."""
    if isinstance(value, int):
        return value
    return helper.mapping.NP_TYPE_TO_TENSOR_TYPE[numpy.dtype(value)]


def tensor(name, array):
    """An initializer. A pair (type number, shape, bytes) holds types that NumPy
    does not know."""
    if not isinstance(array, tuple):
        return numpy_helper.from_array(numpy.asarray(array), name)
    number, shape, raw = array
    result = onnx.TensorProto(name=name, data_type=number, raw_data=raw)
    result.dims.extend(shape)
    return result


def build(nodes, inputs, outputs, constants, opset=21):
    """`inputs` and `outputs`: name -> (type, shape); a shape may hold names."""
    def info(values):
        return [helper.make_tensor_value_info(name, element_type(kind), shape)
                for name, (kind, shape) in values.items()]
    graph = helper.make_graph(nodes, "test", info(inputs), info(outputs),
                              [tensor(n, a) for n, a in constants.items()])
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", opset), helper.make_opsetid(CONTRIB, 1)])


def run(model, feeds, *arguments):
    """The outputs by name, the same bits from -O0 and -O2. Feeds are arrays or
    what `tensor` takes."""
    results = []
    with tempfile.TemporaryDirectory(dir=tools.WORK) as folder:
        folder = pathlib.Path(folder)
        onnx.save(model, str(folder / "model.onnx"))
        given = []
        for name, array in feeds.items():
            path = folder / f"{name}.pb"
            path.write_bytes(tensor(name, array).SerializeToString())
            given += ["--input", f"{name}=@{path}"]
        names = [o.name for o in model.graph.output]
        for level in ("0", "2"):
            artifact = folder / f"{level}.qar"
            tools.run("qopt", "compile", folder / "model.onnx", "-o", artifact,
                      "-O", level, "--target", "native", *arguments)
            wanted = []
            for name in names:
                wanted += ["--output", f"{name}=@{folder / name}.npy"]
            tools.run("qrun", artifact, *given, *wanted)
            results.append({n: numpy.load(f"{folder / n}.npy") for n in names})
    for name in names:
        assert results[0][name].tobytes() == results[1][name].tobytes(), name
    return results[1]


def phase(model, name, *arguments):
    """The module after a phase, as text."""
    with tempfile.TemporaryDirectory(dir=tools.WORK) as folder:
        path = pathlib.Path(folder) / "model.onnx"
        onnx.save(model, str(path))
        return tools.run("qopt", "compile", path, "--to", name, *arguments).stdout
