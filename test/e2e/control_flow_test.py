"""If, Loop, Scan, local functions and sizes that the data decide, against NumPy.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import tempfile
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import tools

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, array):
    return numpy_helper.from_array(numpy.asarray(array), name)


class ControlFlow(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=tools.WORK)
        self.path = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def compile(self, nodes, inputs, outputs, initializers=(), functions=(),
                options=()):
        graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
        domains = [helper.make_opsetid("", 17)]
        domains += [helper.make_opsetid(d, 1) for d in {f.domain for f in functions}]
        model = helper.make_model(graph, opset_imports=domains, ir_version=8,
                                  functions=functions)
        (self.path / "model.onnx").write_bytes(model.SerializeToString())
        self.artifacts = []
        for level in (0, 2):  # The same bits, both ways.
            self.artifacts.append(self.path / f"{level}.qar")
            tools.run("qopt", "compile", self.path / "model.onnx", "-o",
                      self.artifacts[-1], "-O", level, "--target", "native", *options)

    def run_model(self, outputs, **inputs):
        arguments = []
        for name, array in inputs.items():
            numpy.save(self.path / f"{name}.npy", array)
            arguments += ["--input", f"{name}=@{self.path / f'{name}.npy'}"]
        for name in outputs:
            arguments += ["--output", f"{name}=@{self.path / f'{name}.npy'}"]
        results = []
        for artifact in self.artifacts:
            tools.run("qrun", artifact, *arguments)
            results.append([numpy.load(self.path / f"{n}.npy") for n in outputs])
        for naive, fast in zip(*results):
            numpy.testing.assert_array_equal(naive, fast)
        return results[0]

    def expect(self, expected, outputs, **inputs):
        for found, wanted in zip(self.run_model(outputs, **inputs), expected):
            self.assertEqual(found.shape, wanted.shape)
            numpy.testing.assert_allclose(found, wanted, rtol=1e-6)

    def test_if_captures_and_changes_shape(self):
        then = helper.make_graph(
            [helper.make_node("Concat", ["x", "x"], ["t"], axis=0)], "then", [],
            [value("t", FLOAT, None)])
        other = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["e"])], "else", [],
            [value("e", FLOAT, None)])
        self.compile(
            [helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
             helper.make_node("Greater", ["s", "zero"], ["c"]),
             helper.make_node("If", ["c"], ["r"], then_branch=then, else_branch=other),
             helper.make_node("Relu", ["r"], ["y"])],
            [value("x", FLOAT, ["n", 3])], [value("y", FLOAT, None)],
            [constant("zero", numpy.float32(0)),
             constant("w", -numpy.eye(3, dtype="f4"))])
        for rows in (1, 4):
            x = numpy.arange(rows * 3, dtype="f4").reshape(rows, 3) + 1
            self.expect([numpy.concatenate([x, x])], ["y"], x=x)
            self.expect([x], ["y"], x=-x)
        # Branches are functions of their own, each with its spaces.
        spaces = tools.run("qopt", "inspect", self.path / "model.onnx", "--spaces")
        names = [line for line in spaces.stdout.splitlines() if line[0] == "@"]
        self.assertIn("@main", names)
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual(len(names), 3)

    def squeeze_if_one(self, negate):
        """y: Relu of x [n, 4, k] without its last axis, if that is of size 1."""
        x = [helper.make_node("Relu", ["x"], ["r"]),
             helper.make_node("Shape", ["r"], ["sizes"]),
             helper.make_node("Gather", ["sizes", "last"], ["size"], axis=0),
             helper.make_node("Equal", ["size", "one"], ["is_one"])]
        squeeze = helper.make_graph(
            [helper.make_node("Squeeze", ["r", "axes"], ["s"])], "squeeze", [],
            [value("s", FLOAT, None)])
        leave = helper.make_graph(
            [helper.make_node("Identity", ["r"], ["i"])], "leave", [],
            [value("i", FLOAT, None)])
        if negate:
            x.append(helper.make_node("Not", ["is_one"], ["other"]))
            node = helper.make_node("If", ["other"], ["c"], then_branch=leave,
                                    else_branch=squeeze)
        else:
            node = helper.make_node("If", ["is_one"], ["c"], then_branch=squeeze,
                                    else_branch=leave)
        return [*x, node, helper.make_node("MatMul", ["c", "w"], ["y"])]

    def test_squeeze_if_the_size_is_one(self):
        w = numpy.arange(8, dtype=numpy.float32).reshape(4, 2)
        x = numpy.linspace(-1, 2, 12, dtype=numpy.float32).reshape(3, 4, 1)
        constants = [constant("w", w), constant("last", 2), constant("one", 1),
                     constant("axes", [2])]
        for negate in (False, True):
            with self.subTest(negate=negate):
                self.compile(self.squeeze_if_one(negate),
                             [value("x", FLOAT, ["n", 4, "k"])],
                             [value("y", FLOAT, None)], constants)
                self.expect([numpy.maximum(x, 0)[..., 0] @ w], ["y"], x=x)
                # Another size needs the other branch, which is not there.
                numpy.save(self.path / "x.npy", x.reshape(1, 4, 3))
                for artifact in self.artifacts:
                    tools.run("qrun", artifact, "--input",
                              f"x=@{self.path / 'x.npy'}", expect=3)

    def test_branches_of_two_ranks_are_refused(self):
        # As above, but the condition is the user's.
        nodes = self.squeeze_if_one(negate=False)
        nodes[4].input[0] = "flag"
        inputs = [value("x", FLOAT, ["n", 4, "k"]), value("flag", BOOL, [])]
        constants = [constant("w", numpy.ones((4, 2), numpy.float32)),
                     constant("last", 2), constant("one", 1), constant("axes", [2])]
        with self.assertRaisesRegex(AssertionError, "differ in rank.*--freeze"):
            self.compile(nodes, inputs, [value("y", FLOAT, None)], constants)
        self.compile(nodes, inputs, [value("y", FLOAT, None)], constants,
                     options=["--freeze", "flag=true"])
        x = numpy.ones((3, 4, 1), numpy.float32)
        self.expect([numpy.full((3, 2), 4, numpy.float32)], ["y"], x=x)

    def test_frozen_input(self):
        x = numpy.linspace(0, 1, 6, dtype=numpy.float32).reshape(2, 3)
        self.compile([helper.make_node("Mul", ["x", "s"], ["y"])],
                     [value("x", FLOAT, ["n", 3]), value("s", FLOAT, [3])],
                     [value("y", FLOAT, ["n", 3])],
                     options=["--freeze", "s=1,0.5,2"])
        self.expect([x * numpy.float32([1, 0.5, 2])], ["y"], x=x)
        for text, reason in (("t=1", "inputs are: x, s"), ("s=1,2", "it has 3"),
                             ("s", "expects NAME=16000"), ("x=0", "--shape")):
            result = tools.run("qopt", "compile", self.path / "model.onnx", "-o",
                               self.path / "no.qar", "--freeze", text, expect=2)
            self.assertIn(reason, result.stderr)

    def test_known_condition_leaves_no_branch(self):
        def graph(kind):
            return helper.make_graph([helper.make_node(kind, ["x"], [kind])], kind, [],
                                     [value(kind, FLOAT, None)])
        self.compile(
            [helper.make_node("If", ["c"], ["y"], then_branch=graph("Relu"),
                              else_branch=graph("Det"))],
            [value("x", FLOAT, [4])], [value("y", FLOAT, [4])],
            [constant("c", True)])
        x = numpy.array([-1, 2, -3, 4], "f4")
        self.expect([numpy.maximum(x, 0)], ["y"], x=x)

    def test_loop_with_growing_value_and_stacked_output(self):
        body = helper.make_graph(
            [helper.make_node("Concat", ["v", "x"], ["v2"], axis=0),
             helper.make_node("ReduceSum", ["v2"], ["total"], keepdims=0),
             helper.make_node("Less", ["total", "limit"], ["go2"])],
            "body", [value("i", INT64, []), value("go", BOOL, []),
                     value("v", FLOAT, ["m"])],
            [value("go2", BOOL, []), value("v2", FLOAT, ["k"]),
             value("total", FLOAT, [])])
        self.compile(
            [helper.make_node("Loop", ["trips", "", "x"], ["v_end", "totals"],
                              body=body)],
            [value("trips", INT64, []), value("x", FLOAT, ["n"])],
            [value("v_end", FLOAT, None), value("totals", FLOAT, None)],
            [constant("limit", numpy.float32(10))])
        x = numpy.array([1, 2], "f4")
        for trips, runs in ((0, 0), (2, 2), (9, 3)):  # 12 is beyond the limit
            totals = 3 * (numpy.arange(runs, dtype="f4") + 2)
            self.expect([numpy.tile(x, runs + 1), totals], ["v_end", "totals"],
                        trips=numpy.int64(trips), x=x)

    def test_scan_backward(self):
        body = helper.make_graph(
            [helper.make_node("Add", ["s", "e"], ["s2"]),
             helper.make_node("Identity", ["s2"], ["o"])],
            "body", [value("s", FLOAT, [3]), value("e", FLOAT, [3])],
            [value("s2", FLOAT, [3]), value("o", FLOAT, [3])])
        self.compile(
            [helper.make_node("Scan", ["start", "x"], ["end", "sums"], body=body,
                              num_scan_inputs=1, scan_input_directions=[1],
                              scan_output_axes=[1])],
            [value("start", FLOAT, [3]), value("x", FLOAT, ["n", 3])],
            [value("end", FLOAT, None), value("sums", FLOAT, None)])
        x = numpy.random.RandomState(1).rand(5, 3).astype("f4")
        sums = numpy.cumsum(x[::-1], axis=0, dtype="f4")
        self.expect([sums[-1], sums.T], ["end", "sums"],
                    start=numpy.zeros(3, "f4"), x=x)

    def test_loop_in_branch_in_loop(self):
        inner = helper.make_graph(
            [helper.make_node("Add", ["a", "x"], ["a2"]),
             helper.make_node("Identity", ["g"], ["g2"])],
            "inner", [value("j", INT64, []), value("g", BOOL, []),
                      value("a", FLOAT, [2])],
            [value("g2", BOOL, []), value("a2", FLOAT, [2])])
        odd = helper.make_graph(
            [helper.make_node("Loop", ["i", "", "v"], ["o"], body=inner)], "odd", [],
            [value("o", FLOAT, [2])])
        even = helper.make_graph([helper.make_node("Neg", ["v"], ["e"])], "even", [],
                                 [value("e", FLOAT, [2])])
        body = helper.make_graph(
            [helper.make_node("Mod", ["i", "two"], ["r"]),
             helper.make_node("Equal", ["r", "one"], ["is_odd"]),
             helper.make_node("If", ["is_odd"], ["v2"], then_branch=odd,
                              else_branch=even),
             helper.make_node("Identity", ["go"], ["go2"])],
            "body", [value("i", INT64, []), value("go", BOOL, []),
                     value("v", FLOAT, [2])],
            [value("go2", BOOL, []), value("v2", FLOAT, [2])])
        self.compile(
            [helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)],
            [value("n", INT64, []), value("x", FLOAT, [2])],
            [value("y", FLOAT, [2])],
            [constant("two", numpy.int64(2)), constant("one", numpy.int64(1))])
        x = numpy.array([1, 10], "f4")
        expected = x
        for i in range(6):
            expected = expected + i * x if i % 2 else -expected
        self.expect([expected], ["y"], n=numpy.int64(6), x=x)

    def test_sizes_from_data(self):
        self.compile(
            [helper.make_node("NonZero", ["x"], ["at"]),
             helper.make_node("Transpose", ["at"], ["pairs"], perm=[1, 0]),
             helper.make_node("Compress", ["x", "mask"], ["kept"], axis=0),
             helper.make_node("Reshape", ["kept", "shape"], ["y"])],
            [value("x", FLOAT, ["n", 4]), value("mask", BOOL, ["n"]),
             value("shape", INT64, [2])],
            [value("pairs", INT64, None), value("y", FLOAT, None)])
        x = numpy.array([[0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 0, 4]], "f4")
        for mask, shape in (([1, 0, 1], [-1, 2]), ([0, 1, 0], [0, -1]),
                            ([0, 0, 0], [0, 4]), ([1, 1, 1], [2, 6])):
            kept = x[numpy.array(mask, bool)]
            full = [kept.shape[i] if s == 0 else s for i, s in enumerate(shape)]
            self.expect([numpy.argwhere(x), kept.reshape(full)], ["pairs", "y"],
                        x=x, mask=numpy.array(mask, bool),
                        shape=numpy.array(shape, "i8"))

    def test_top_k_and_range_of_computed_size(self):
        self.compile(
            [helper.make_node("TopK", ["x", "k"], ["best", "where"], axis=0),
             helper.make_node("Range", ["a", "b", "step"], ["steps"])],
            [value("x", FLOAT, ["n", 2]), value("k", INT64, [1]),
             value("a", INT64, []), value("b", INT64, []), value("step", INT64, [])],
            [value("best", FLOAT, None), value("where", INT64, None),
             value("steps", INT64, None)])
        x = numpy.array([[3, 1], [1, 1], [3, 7], [2, 1]], "f4")
        for k, (a, b, step) in ((1, (0, 5, 2)), (3, (5, 0, -2)), (4, (3, 3, 1))):
            where = numpy.argsort(-x, axis=0, kind="stable")[:k]
            self.expect([numpy.take_along_axis(x, where, 0), where,
                         numpy.arange(a, b, step)], ["best", "where", "steps"],
                        x=x, k=numpy.array([k]), a=numpy.int64(a), b=numpy.int64(b),
                        step=numpy.int64(step))

    def test_local_function(self):
        function = helper.make_function(
            "own", "Scaled", ["v"], ["r"],
            [helper.make_node("Mul", ["v", "v"], ["t"]),
             helper.make_node("LeakyRelu", ["t2"], ["r"]),
             helper.make_node("Sub", ["t", "v"], ["t2"])],
            [helper.make_opsetid("", 17)], ["alpha"])
        function.node[1].attribute.append(
            onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT,
                                ref_attr_name="alpha"))
        self.compile(
            [helper.make_node("Scaled", ["x"], ["h"], domain="own", alpha=0.5),
             helper.make_node("Scaled", ["h"], ["y"], domain="own", alpha=0.25)],
            [value("x", FLOAT, [4])], [value("y", FLOAT, [4])], functions=[function])

        def scaled(v, alpha):
            r = v * v - v
            return numpy.where(r < 0, numpy.float32(alpha) * r, r)
        x = numpy.array([-1, 0.5, 0.25, 4], "f4")
        self.expect([scaled(scaled(x, 0.5), 0.25)], ["y"], x=x)


if __name__ == "__main__":
    unittest.main()
