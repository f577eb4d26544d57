"""Under a size budget the integer program beats the naive rule.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import unittest

import numpy

import tools


def plan_bytes(report):
    return report["allocation"]["bytes"]


class Budget(unittest.TestCase):
    def test_halfway_between_int4_and_int8(self):
        # Convolutions take no int4, so only the network of matmuls has room.
        self.check("fashion-vit")

    def check(self, model):
        common = ["compile", tools.MODELS / f"{model}.onnx", "--calib",
                  tools.data() / "calib.npz", "--plan-only", "--json"]
        def size(*arguments):
            return plan_bytes(json.loads(
                tools.run("qopt", *common, *arguments).stdout))
        int8 = size("--preset", "int8")
        # All of its matmuls in int4 come to about 0.6 of int8.
        budget = int8 * 8 // 10
        solved = tools.compile(model, "--budget", f"size={budget}")
        naive = tools.compile(model, "--budget", f"size={budget}", "--largest-first")
        self.assertLessEqual(size("--budget", f"size={budget}"), budget)
        fp32 = tools.logits(tools.compile(model, "--preset", "fp32"), count=1000)
        self.assertGreater(tools.sqnr(fp32, tools.logits(solved, count=1000)),
                           tools.sqnr(fp32, tools.logits(naive, count=1000)))


if __name__ == "__main__":
    unittest.main()
