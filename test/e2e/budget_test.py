"""Under a size budget the integer program beats the naive rule.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import re
import unittest

import tools


def plan_bytes(report):
    return report["allocation"]["bytes"]


class Budget(unittest.TestCase):
    def test_program_beats_largest_first(self):
        """Between all weights in int4 and all in int8; where the rule of thumb
        happens to be the optimum, both make the same choice."""
        for model in ("fashion-cnn", "fashion-vit"):
            with self.subTest(model=model):
                self.check(model)

    def check(self, model):
        common = ["compile", tools.MODELS / f"{model}.onnx", "--calib",
                  tools.data() / "calib.npz", "--plan-only", "--json"]
        def size(*arguments):
            return plan_bytes(json.loads(
                tools.run("qopt", *common, *arguments).stdout))
        fp32 = tools.logits(tools.compile(model, "--preset", "fp32"), count=1000)
        def quality(*arguments):
            return tools.sqnr(fp32, tools.logits(
                tools.compile(model, *arguments), count=1000))
        int4, int8 = smallest(common), size("--preset", "int8")
        self.assertLess(int4, 0.75 * int8)
        gains = []
        for budget in ((int4 + int8) // 2, (int4 + 3 * int8) // 4):
            given = ("--budget", f"size={budget}")
            self.assertLessEqual(size(*given), budget)
            gains.append(quality(*given) - quality(*given, "--largest-first"))
        self.assertGreaterEqual(min(gains), 0)
        self.assertGreater(max(gains), 0.5)

    def test_error(self):
        """A tighter error keeps more layers float and moves the outputs less."""
        fp32 = tools.logits(tools.compile("fashion-cnn", "--preset", "fp32"))
        floats, gains = [], []
        for error in ("10dB", "45dB"):
            options = ("--budget", f"error={error}")
            artifact = tools.compile("fashion-cnn", *options)
            gains.append(tools.sqnr(fp32, tools.logits(artifact)))
            report = json.loads(tools.run(
                "qopt", "compile", tools.MODELS / "fashion-cnn.onnx", "--calib",
                tools.data() / "calib.npz", *options, "--to", "quantize",
                "--json").stdout)
            floats.append(sum(not layer["weight"] for layer in report["layers"]))
        refused = tools.run(
            "qopt", "compile", tools.MODELS / "fashion-cnn.onnx", "--calib",
            tools.data() / "calib.npz", "--budget", "error=60dB", "--set", ".*=int8",
            "--to", "quantize", expect=5)
        self.assertIn("beyond 0.1 %", refused.stderr)
        self.assertLess(floats[0], floats[1])
        self.assertLess(gains[0] + 3, gains[1])


def smallest(common):
    """Bytes with int4 wherever it is possible: what an absurd budget is told."""
    refused = tools.run("qopt", *common, "--budget", "size=1", expect=5)
    return int(re.search(r"smallest formats take (\d+) bytes", refused.stderr)[1])


if __name__ == "__main__":
    unittest.main()
