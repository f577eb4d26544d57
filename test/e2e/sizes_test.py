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
                      "--preset", "fp32", "-O", level)
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


if __name__ == "__main__":
    unittest.main()
