"""Small ONNX models to put flaws into.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def tensor(name, values, dtype="f4"):
    return numpy_helper.from_array(numpy.array(values, dtype), name)


def value(name, shape, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, outputs, initializers=(), opset=17, domains=()):
    graph = helper.make_graph(nodes, "flawed", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(d, 1) for d in domains]
    result = helper.make_model(graph, opset_imports=opsets)
    result.ir_version = 8
    return result


def product():
    """y[n, 2] = x[n, 4] . w[4, 2]: sound."""
    return model([helper.make_node("MatMul", ["x", "w"], ["y"], name="/y")],
                 [value("x", ["n", 4])], [value("y", ["n", 2])],
                 [tensor("w", numpy.arange(8).reshape(4, 2) / 8)])


def one_node(op, inputs, constants=(), outputs=1, opset=17, domain="", **attributes):
    """A graph of one node. `inputs`: a shape or (shape, type) each; `constants`:
    arrays or TensorProtos that follow them as initializers, None for an input
    left out. Outputs are declared without shape."""
    names, values, initializers = [], [], []
    for index, spec in enumerate(inputs):
        shape, dtype = spec if isinstance(spec, tuple) else (spec, FLOAT)
        names.append(f"x{index}")
        values.append(value(f"x{index}", shape, dtype))
    for index, constant in enumerate(constants):
        if constant is None:
            names.append("")
            continue
        names.append(f"c{index}")
        if not isinstance(constant, TensorProto):
            constant = tensor("", constant, getattr(constant, "dtype", "f4"))
        constant.name = f"c{index}"
        initializers.append(constant)
    results = [f"y{index}" for index in range(outputs)]
    node = helper.make_node(op, names, results, name="/node", domain=domain)
    for name, content in attributes.items():
        if isinstance(content, onnx.AttributeProto):
            node.attribute.append(content)
        else:
            node.attribute.append(helper.make_attribute(name, content))
    declared = [onnx.ValueInfoProto(name=name) for name in results]
    return model([node], values, declared, initializers, opset,
                 [domain] if domain else [])


def i64(*values):
    return numpy.array(values, "i8")
