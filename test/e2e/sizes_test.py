"""Sizes that only a run knows: what repeats repeats, what contradicts is refused.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import tempfile
import unittest

import numpy
from onnx import TensorProto, helper, numpy_helper

import tools

BAD_INPUT = 3


class Sizes(unittest.TestCase):
    def run_model(self, node, inputs, level, constants=None, expect=0):
        ports = [helper.make_tensor_value_info(
            k, TensorProto.FLOAT, [f"{k}{i}" for i in range(v.ndim)])
            for k, v in inputs.items()]
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        initializers = [numpy_helper.from_array(v, k)
                        for k, v in (constants or {}).items()]
        model = helper.make_model(
            helper.make_graph([node], "sizes", ports, [output], initializers),
            opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        with tempfile.TemporaryDirectory(dir=tools.WORK) as folder:
            path = pathlib.Path(folder)
            (path / "model.onnx").write_bytes(model.SerializeToString())
            tools.run("qopt", "compile", path / "model.onnx", "-o", path / "m.qar",
                      "--preset", "fp32", "-O", level, "--target", "native")
            numpy.savez(path / "in.npz", **inputs)
            result = tools.run("qrun", path / "m.qar", "--input", f"@{path}/in.npz",
                               "--output", f"@{path}/y.npy", expect=expect)
            return result.stderr if expect else numpy.load(path / "y.npy")

    def test_what_is_one_repeats(self):
        shapes = [((3, 1), (3, 5)), ((3, 5), (1, 5)), ((1, 1), (3, 5)), ((3, 1), (1, 5))]
        for level in 0, 2:
            for a, b in shapes:
                inputs = {"a": numpy.random.default_rng(1).random(a, "float32"),
                          "b": numpy.random.default_rng(2).random(b, "float32")}
                found = self.run_model(helper.make_node("Add", ["a", "b"], ["y"]),
                                       inputs, level)
                numpy.testing.assert_array_equal(found, inputs["a"] + inputs["b"])

    def test_expand_of_an_open_size(self):
        node = helper.make_node("Expand", ["a", "shape"], ["y"])
        shape = {"shape": numpy.array([2, 1, 6])}
        for level in 0, 2:
            for own in (3, 1), (3, 6), (1, 1):
                a = numpy.arange(numpy.prod(own), dtype="float32").reshape(own)
                found = self.run_model(node, {"a": a}, level, shape)
                numpy.testing.assert_array_equal(found,
                                                 numpy.broadcast_to(a, (2, own[0], 6)))
            error = self.run_model(node, {"a": numpy.zeros((3, 2), "float32")}, level,
                                   shape, BAD_INPUT)
            self.assertIn("contradict", error)

    def test_contradictions(self):
        def array(*shape):
            return numpy.zeros(shape, "float32")
        cases = [("Add", {}, {"a": array(3, 4), "b": array(3, 5)}),
                 ("MatMul", {}, {"a": array(3, 4), "b": array(5, 2)}),
                 ("Concat", {"axis": 0}, {"a": array(3, 4), "b": array(3, 5)})]
        for level in 0, 2:
            for op, attributes, inputs in cases:
                error = self.run_model(
                    helper.make_node(op, list(inputs), ["y"], **attributes), inputs,
                    level, expect=BAD_INPUT)
                self.assertIn("contradict", error, op)


    def test_nothing_gives_nothing(self):
        """An empty batch, an empty past: what a decoder's first step passes."""
        weights = {"w": numpy.ones((8, 5), "float32")}
        image = numpy.zeros((0, 4, 9, 9), "float32")
        filters = {"w": numpy.ones((6, 4, 3, 3), "float32")}
        rows, step = numpy.zeros((0, 8), "float32"), numpy.ones((2, 1, 8), "float32")
        gain = {"g": numpy.ones(8, "float32"), "b": numpy.zeros(8, "float32")}
        cases = [
            (helper.make_node("MatMul", ["a", "w"], ["y"]), {"a": rows}, weights, (0, 5)),
            (helper.make_node("Conv", ["a", "w"], ["y"]), {"a": image}, filters, (0, 6, 7, 7)),
            (helper.make_node("MaxPool", ["a"], ["y"], kernel_shape=[3, 3]), {"a": image},
             {}, (0, 4, 7, 7)),
            (helper.make_node("GlobalAveragePool", ["a"], ["y"]), {"a": image}, {}, (0, 4, 1, 1)),
            (helper.make_node("Softmax", ["a"], ["y"]), {"a": rows}, {}, (0, 8)),
            (helper.make_node("LayerNormalization", ["a", "g", "b"], ["y"]), {"a": rows}, gain,
             (0, 8)),
            (helper.make_node("Relu", ["a"], ["y"]), {"a": rows}, {}, (0, 8)),
            (helper.make_node("Transpose", ["a"], ["y"]), {"a": rows}, {}, (8, 0)),
            (helper.make_node("ReduceSum", ["a"], ["y"]), {"a": rows}, {}, (1, 1)),
            (helper.make_node("Concat", ["past", "a"], ["y"], axis=1),
             {"past": numpy.zeros((2, 0, 8), "float32"), "a": step}, {}, (2, 1, 8)),
            (helper.make_node("MatMul", ["a", "k"], ["y"]),
             {"a": numpy.ones((2, 3, 0), "float32"), "k": numpy.ones((2, 0, 4), "float32")},
             {}, (2, 3, 4)),
        ]
        for node, inputs, constants, shape in cases:
            for level in 0, 2:
                with self.subTest(op=node.op_type, level=level):
                    found = self.run_model(node, inputs, level, constants)
                    self.assertEqual(found.shape, shape)
                    kept = inputs["a"].sum() if node.op_type == "Concat" else 0
                    self.assertEqual(found.sum(), kept)


if __name__ == "__main__":
    unittest.main()
