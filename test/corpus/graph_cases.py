"""Graphs whose names, order, inputs or outputs make no sense.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import onnx
from onnx import TensorProto, helper

from models import FLOAT, INT64, model, product, tensor, value

BAD, UNSUPPORTED, RESOURCES = 3, 4, 5
node = helper.make_node


def edited(edit):
    result = product()
    edit(result, result.graph)
    return result


def branch(nodes, outputs):
    return helper.make_graph(nodes, "branch", [], [onnx.ValueInfoProto(name=o)
                                                   for o in outputs])


def conditional(then, otherwise):
    return model([node("If", ["c"], ["y"], name="/if", then_branch=then,
                       else_branch=otherwise)],
                 [value("c", [], TensorProto.BOOL), value("x", [2])],
                 [value("y", [2])])


def cases():
    yield "no-graph", BAD, "without a graph", "the graph is absent", \
        edited(lambda m, g: m.ClearField("graph"))
    yield "no-outputs", BAD, "a graph with outputs", "no outputs", \
        edited(lambda m, g: g.ClearField("output"))
    yield "cycle-of-two", BAD, "cycle", "two nodes feed each other", edited(
        lambda m, g: g.node.extend([node("Add", ["y", "b"], ["a"], name="/a"),
                                    node("Relu", ["a"], ["b"], name="/b")]))
    yield "cycle-of-one", BAD, "cycle", "a node reads its own output", edited(
        lambda m, g: g.node.extend([node("Add", ["x", "b"], ["b"], name="/b")]))
    yield "cycle-of-2000", BAD, "cycle", "a long cycle", edited(
        lambda m, g: g.node.extend([node("Relu", [f"v{(i + 1) % 2000}"], [f"v{i}"])
                                    for i in range(2000)]))
    yield "undefined-input", BAD, "reads 'w'", "an initializer is missing", \
        edited(lambda m, g: g.ClearField("initializer"))
    yield "undefined-output", BAD, "graph output 'z'", "an output nobody computes", \
        edited(lambda m, g: g.output.extend([value("z", [1])]))
    yield "empty-output-name", BAD, "graph output", "an output without name", \
        edited(lambda m, g: g.output.extend([value("", [1])]))
    yield "empty-input-name", BAD, "graph input", "an input without name", \
        edited(lambda m, g: g.input.extend([value("", [1])]))
    yield "duplicate-value", BAD, "already defined", "two nodes define y", \
        edited(lambda m, g: g.node.extend([node("Relu", ["x"], ["y"], name="/r")]))
    yield "duplicate-within-node", BAD, "already defined", "one node defines s twice", \
        edited(lambda m, g: g.node.extend([node("Split", ["x"], ["s", "s"], axis=1)]))
    yield "duplicate-input", BAD, "already defined", "two inputs named x", \
        edited(lambda m, g: g.input.extend([value("x", [2])]))
    yield "duplicate-output", BAD, "output 'y'", "the output y twice", \
        edited(lambda m, g: g.output.extend([value("y", ["n", 2])]))
    yield "duplicate-initializer", BAD, "two initializers are named 'w'", "w twice", \
        edited(lambda m, g: g.initializer.extend([tensor("w", [1])]))
    yield "node-defines-initializer", BAD, "already defined", \
        "a node's output is named as an initializer", \
        edited(lambda m, g: g.node.extend([node("Relu", ["x"], ["w"], name="/w")]))
    yield "node-defines-input", BAD, "already defined", \
        "a node's output is named as an input", \
        edited(lambda m, g: g.node.extend([node("Relu", ["y"], ["x"], name="/x")]))
    yield "initializer-without-name", BAD, "no name", "an initializer without name", \
        edited(lambda m, g: g.initializer.extend([tensor("", [1])]))
    yield "no-op-type", BAD, "no op type", "a node without operator", \
        edited(lambda m, g: g.node.extend([node("", ["x"], ["z"])]))
    yield "unknown-op", UNSUPPORTED, "'/u' (Frobnicate)", "no such operator", edited(
        lambda m, g: g.node.extend([node("Frobnicate", ["x"], ["u"], name="/u")]))
    yield "unknown-domain", UNSUPPORTED, "com.example.Twist", "no such domain", edited(
        lambda m, g: (m.opset_import.extend([helper.make_opsetid("com.example", 1)]),
                      g.node.extend([node("Twist", ["x"], ["u"], name="/u",
                                          domain="com.example")])))
    yield "two-unknown-ops", UNSUPPORTED, "2 nodes", "both are named", edited(
        lambda m, g: g.node.extend([node("Frob", ["x"], ["u"]),
                                    node("Nicate", ["x"], ["v"])]))
    yield "case-matters", UNSUPPORTED, "relu", "operators are case-sensitive", edited(
        lambda m, g: g.node.extend([node("relu", ["x"], ["u"], name="/u")]))
    yield "too-many-inputs", BAD, "at most 1", "Relu of two values", edited(
        lambda m, g: g.node.extend([node("Relu", ["x", "y"], ["u"], name="/u")]))
    yield "too-few-inputs", BAD, "at least 2", "MatMul of one value", edited(
        lambda m, g: g.node.extend([node("MatMul", ["x"], ["u"], name="/u")]))
    yield "no-inputs", BAD, "at least 1", "Relu of nothing", edited(
        lambda m, g: g.node.extend([node("Relu", [], ["u"], name="/u")]))
    yield "required-input-empty", BAD, "at least", "MatMul whose first input is ''", \
        edited(lambda m, g: g.node.extend([node("MatMul", ["", "w"], ["u"], name="/u")]))
    yield "no-node-outputs", BAD, "output", "a node without outputs", edited(
        lambda m, g: g.node.extend([node("Relu", ["x"], [], name="/u")]))
    yield "too-many-outputs", BAD, "output", "Relu with two outputs", edited(
        lambda m, g: g.node.extend([node("Relu", ["x"], ["u", "v"], name="/u")]))
    yield "wrong-declared-shape", BAD, "output 'y'", "declared n x 7, is n x 2", \
        edited(lambda m, g: g.output[0].CopyFrom(value("y", ["n", 7])))
    yield "wrong-declared-rank", BAD, "output 'y'", "declared rank 3, is 2", \
        edited(lambda m, g: g.output[0].CopyFrom(value("y", ["n", 2, 1])))
    yield "wrong-declared-type", BAD, "output 'y'", "declared int64, is float", \
        edited(lambda m, g: g.output[0].CopyFrom(value("y", ["n", 2], INT64)))
    yield "input-without-type", BAD, "graph input 'z'", "an input of no type", \
        edited(lambda m, g: g.input.extend([onnx.ValueInfoProto(name="z")]))
    yield "input-without-shape", BAD, "has no shape", "an input of unknown rank", \
        edited(lambda m, g: g.input[0].type.tensor_type.ClearField("shape"))
    for number, name in ((0, "undefined"), (77, "77"), (-3, "minus-3")):
        yield f"input-type-{name}", BAD, "element type", "an input of no known type", \
            edited(lambda m, g: setattr(g.input[0].type.tensor_type, "elem_type", number))
    yield "input-type-string", UNSUPPORTED, "string", "an input of strings", edited(
        lambda m, g: g.input.extend([value("s", [2], TensorProto.STRING)]))
    yield "input-type-complex", UNSUPPORTED, "complex", "complex numbers", edited(
        lambda m, g: g.input.extend([value("s", [2], TensorProto.COMPLEX64)]))
    yield "input-sequence", UNSUPPORTED, "no tensor", "a sequence as input", edited(
        lambda m, g: g.input.extend([helper.make_tensor_sequence_value_info(
            "s", FLOAT, [2])]))
    yield "input-negative-dimension", BAD, "-4", "an input of size -4", \
        edited(lambda m, g: setattr(g.input[0].type.tensor_type.shape.dim[1],
                                    "dim_value", -4))
    yield "input-huge-dimension", BAD, "2^42", "an input of 2^62 x 4 elements", \
        edited(lambda m, g: setattr(g.input[0].type.tensor_type.shape.dim[0],
                                    "dim_value", 1 << 62))
    yield "input-rank-17", BAD, "rank 17", "an input of rank 17", \
        edited(lambda m, g: g.input.extend([value("z", [1] * 17)]))
    yield "input-rank-1000", BAD, "rank 1000", "an input of rank 1000", \
        edited(lambda m, g: g.input.extend([value("z", ["n"] * 1000)]))
    yield "invalid-utf8-name", BAD, "UTF-8", "a value's name is no UTF-8", \
        product().SerializeToString().replace(b"\x01y", b"\x01\xff")
    yield "name-too-long", RESOURCES, "characters", "a name of 2^20 characters", \
        edited(lambda m, g: g.node.extend([node("Relu", ["x"], ["u" * (1 << 20)])]))
    yield "sparse-initializer", UNSUPPORTED, "sparse", "a sparse tensor", sparse()
    yield "functions", UNSUPPORTED, "function", "a node of an unknown local function", \
        edited(lambda m, g: (m.opset_import.extend([helper.make_opsetid("local", 1)]),
                             g.node.extend([node("Mine", ["x"], ["u"], domain="local",
                                                 name="/function")])))
    yield "nested-undefined", BAD, "'lost'", "a branch reads an undefined name", \
        conditional(branch([node("Relu", ["lost"], ["t"])], ["t"]),
                    branch([node("Relu", ["x"], ["e"])], ["e"]))
    yield "nested-cycle", BAD, "cycle", "a cycle in a branch", \
        conditional(branch([node("Add", ["x", "t"], ["t"])], ["t"]),
                    branch([node("Relu", ["x"], ["e"])], ["e"]))
    yield "nested-duplicate", BAD, "already defined", "a branch defines t twice", \
        conditional(branch([node("Relu", ["x"], ["t"]), node("Neg", ["x"], ["t"])],
                           ["t"]), branch([node("Relu", ["x"], ["e"])], ["e"]))
    yield "nested-no-outputs", BAD, "a graph with outputs", "a branch of no outputs", \
        conditional(branch([node("Relu", ["x"], ["t"])], []),
                    branch([node("Relu", ["x"], ["e"])], ["e"]))
    yield "nested-undefined-output", BAD, "'gone'", "nobody computes it", \
        conditional(branch([node("Relu", ["x"], ["t"])], ["gone"]),
                    branch([node("Relu", ["x"], ["e"])], ["e"]))
    yield "reads-inside-of-branch", BAD, "reads 't'", \
        "the outer graph reads what a branch defines", inner_read()


def sparse():
    result = product()
    item = result.graph.sparse_initializer.add()
    item.values.CopyFrom(tensor("sparse", [1, 2]))
    item.indices.CopyFrom(tensor("", [0, 3], "i8"))
    item.dims.extend([4])
    return result


def inner_read():
    result = conditional(branch([node("Relu", ["x"], ["t"])], ["t"]),
                         branch([node("Relu", ["x"], ["e"])], ["e"]))
    result.graph.node.append(node("Neg", ["t"], ["z"], name="/z"))
    return result
