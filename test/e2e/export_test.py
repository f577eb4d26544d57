"""Exported models say in ONNX what the artifact computes.

ONNX Runtime is no package of Debian: here qopt reads its own export back, as any
model that is quantized already; tools/scripts/compare-export asks ONNX Runtime.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import tempfile
import unittest

import numpy
import onnx

import tools

CALIBRATED = ("--preset", "int8")
INT4 = ("--preset", "int8", "--activations", "dynamic", "--set", ".*MatMul.*=int4")


class Export(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=tools.WORK)
        self.path = pathlib.Path(self.folder.name) / "quantized.onnx"

    def tearDown(self):
        self.folder.cleanup()

    def export(self, model, *arguments):
        tools.run("qopt", "export", tools.MODELS / f"{model}.onnx", "-o", self.path,
                  "--calib", tools.data() / "calib.npz", *arguments)
        return onnx.load(str(self.path))

    def read_back(self):
        artifact = self.path.with_suffix(".qar")
        tools.run("qopt", "compile", self.path, "-o", artifact)
        return tools.logits(artifact)

    def test_models_agree_with_their_artifacts(self):
        """Encodes of ours multiply by a reciprocal, ONNX's divide: codes may
        differ by one at ties, no more."""
        for model, arguments in (("fashion-cnn", CALIBRATED), ("fashion-vit", CALIBRATED),
                                 ("fashion-vit", INT4)):
            with self.subTest(model=model, arguments=arguments):
                self.export(model, *arguments)
                expected = tools.logits(tools.compile(model, *arguments))
                found = self.read_back()
                self.assertGreater(tools.sqnr(expected, found), 30)
                agreement = (expected.argmax(1) == found.argmax(1)).mean()
                self.assertGreaterEqual(agreement, 0.98)

    def test_profiles(self):
        """int4 blocks: MatMulNBits for one, a blocked DequantizeLinear of int4
        for the other, which gets no op of another domain."""
        ort = self.export("fashion-vit", *INT4, "--profile", "ort")
        self.assertIn("MatMulNBits", [n.op_type for n in ort.graph.node])
        tensorrt = self.export("fashion-vit", *INT4, "--profile", "tensorrt")
        self.assertEqual({n.domain for n in tensorrt.graph.node}, {""})
        self.assertIn(22, [t.data_type for t in tensorrt.graph.initializer])

    def test_names_and_dynamic_sizes_stay(self):
        graph = self.export("fashion-cnn", *CALIBRATED).graph
        self.assertEqual([i.name for i in graph.input], ["image"])
        self.assertEqual([o.name for o in graph.output], ["logits"])
        self.assertEqual(graph.input[0].type.tensor_type.shape.dim[0].dim_param, "batch")

    def test_an_unwritable_file_is_an_error(self):
        tools.run("qopt", "export", tools.MODELS / "fashion-cnn.onnx", "-o",
                  "/absent/quantized.onnx", expect=6)


if __name__ == "__main__":
    unittest.main()
