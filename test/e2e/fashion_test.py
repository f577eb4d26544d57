"""Two trained models on real data: exactness, accuracy, budgets.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import unittest

import numpy

import tools

NETWORKS = ("fashion-cnn", "fashion-vit")


class Fashion(unittest.TestCase):
    def each(self):
        for model in NETWORKS:
            with self.subTest(model=model):
                yield model

    def test_fp32_agrees_with_onnx_runtime(self):
        """The committed logits are ONNX Runtime's for the same images."""
        for model in self.each():
            expected = numpy.load(tools.MODELS / f"{model}.logits64.npy")
            actual = tools.logits(tools.compile(model, "--preset", "fp32"))
            error = numpy.abs(actual - expected).max() / numpy.abs(expected).max()
            self.assertLess(error, 1e-4)

    def test_optimized_code_equals_naive_code(self):
        for model in self.each():
            for preset in ("fp32", "int8"):
                naive = tools.logits(tools.compile(model, "--preset", preset, "-O0"))
                fast = tools.logits(tools.compile(model, "--preset", preset))
                self.assertEqual(naive.tobytes(), fast.tobytes(), preset)

    def test_every_isa_and_thread_count_gives_the_same_bits(self):
        for model in self.each():
            artifact = tools.compile(model, "--preset", "int8")
            report = json.loads(tools.run("qopt", "inspect", artifact, "--json").stdout)
            reference = tools.logits(artifact, "--threads", 1, "--isa", "x86-64-v3")
            for isa in report["isas"]:
                if isa not in supported(report["isas"], artifact):
                    continue
                for threads in (1, 2, 4):
                    other = tools.logits(artifact, "--threads", threads, "--isa", isa)
                    self.assertEqual(reference.tobytes(), other.tobytes(), (isa, threads))

    def test_int8_keeps_accuracy(self):
        for model in self.each():
            fp32 = tools.top1(tools.compile(model, "--preset", "fp32"))
            int8 = tools.top1(tools.compile(model, "--preset", "int8"))
            self.assertGreaterEqual(int8, fp32 - 1.0)

    def test_same_input_same_bytes(self):
        first = tools.compile("fashion-cnn", "--preset", "int8").read_bytes()
        tools.compile.cache_clear()
        self.assertEqual(first, tools.compile("fashion-cnn", "--preset", "int8").read_bytes())


def supported(isas, artifact):
    """The ISAs of the artifact this CPU runs."""
    flags = open("/proc/cpuinfo").read()
    return [isa for isa in isas if isa == "x86-64-v3" or "avx512_vnni" in flags]


if __name__ == "__main__":
    unittest.main()
