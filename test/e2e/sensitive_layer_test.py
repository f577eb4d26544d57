"""int8 leaves the layer that 8 bits hurt in float, wherever it stands in a deep
network, and no other.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import pathlib
import tempfile
import unittest

import numpy
import onnx

import onnx_models
import tools

DEPTH, WIDTH, DEAD = 13, 16, 3


def network(sensitive):
    """Matmuls and relus. Before layer `sensitive` channel DEAD is always 0, and
    the layer's weights on it are so large that they alone set the scale."""
    rng = numpy.random.default_rng(3)
    nodes, constants, x = [], {}, "x"
    for i in range(DEPTH):
        weight = rng.normal(0, (2 / WIDTH) ** 0.5, (WIDTH, WIDTH)).astype("float32")
        bias = rng.uniform(0, 0.1, WIDTH).astype("float32")
        if i + 1 == sensitive:
            weight[:, DEAD], bias[DEAD] = 0, -1
        if i == sensitive:
            weight[DEAD] = 300
        constants.update({f"w{i}": weight, f"b{i}": bias})
        nodes += [onnx_models.node("MatMul", [x, f"w{i}"], [f"p{i}"], name=f"layer{i}"),
                  onnx_models.node("Add", [f"p{i}", f"b{i}"], [f"s{i}"]),
                  onnx_models.node("Relu", [f"s{i}"], [f"y{i}"])]
        x = f"y{i}"
    return onnx_models.build(nodes, {"x": ("float32", ["rows", WIDTH])},
                             {x: ("float32", ["rows", WIDTH])}, constants, opset=17)


class SensitiveLayer(unittest.TestCase):
    def floats(self, sensitive):
        """The layers that stay float, with their reasons."""
        with tempfile.TemporaryDirectory(dir=tools.WORK) as folder:
            path = pathlib.Path(folder)
            onnx.save(network(sensitive), str(path / "model.onnx"))
            numpy.savez(path / "calib.npz", x=numpy.random.default_rng(4).normal(
                0, 1, (64, WIDTH)).astype("float32"))
            report = json.loads(tools.run(
                "qopt", "compile", path / "model.onnx", "-o", path / "model.qar",
                "--preset", "int8", "--calib", path / "calib.npz", "--no-equalize",
                "--json").stdout)
        self.assertEqual(len(report["layers"]), DEPTH)
        return {layer["name"]: layer["stays_float"] for layer in report["layers"]
                if layer["stays_float"]}

    def test_it_is_found(self):
        for sensitive in 1, 6, DEPTH - 1:
            with self.subTest(sensitive=sensitive):
                self.assertEqual(list(self.floats(sensitive)), [f"layer{sensitive}"])

    def test_there_is_none(self):
        self.assertEqual(self.floats(None), {})


if __name__ == "__main__":
    unittest.main()
