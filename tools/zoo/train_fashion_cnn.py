#!/usr/bin/env python3
# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains a small MobileNetV2 on Fashion-MNIST and writes it as ONNX.

Example:
    train_fashion_cnn.py test/models/fashion-cnn.onnx

Inverted residual blocks (1x1 expand, 3x3 depthwise, 1x1 project) with batch
norm and ReLU6, global average pool, one linear layer. Input `image` float32
[batch, 1, 28, 28] in [0, 1], output `logits` [batch, 10]. Batch norm is kept
as a node, as an exporter writes it without constant folding.
Needs Debian's python3-torch, python3-onnx, libopenblas0 and
dataset-fashion-mnist; 10 to 15 minutes on one core.
"""

import fashion_training  # before numpy and torch: it limits their threads

import numpy as np
import torch
from torch import nn

from onnx_graph import Graph

STEM, HEAD, CLASSES = 16, 256, 10
# (output channels, expansion, stride) of each inverted residual block.
BLOCKS = [(24, 3, 2), (24, 4, 1), (40, 4, 2), (40, 4, 1), (40, 4, 1), (64, 4, 1)]


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, and ReLU6 where `act`."""

    def __init__(self, cin, cout, kernel, stride=1, groups=1, act=True):
        conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2,
                         groups=groups, bias=False)
        layers = [conv, nn.BatchNorm2d(cout)] + ([nn.ReLU6()] if act else [])
        super().__init__(*layers)

    def emit(self, graph, x, prefix):
        scope = "/" + prefix.replace(".", "/")
        conv, norm = self[0], self[1]
        w = graph.initializer(f"{prefix}.conv.weight", array(conv.weight))
        x = graph.op("Conv", [x, w], scope, kernel_shape=conv.kernel_size,
                     strides=conv.stride, pads=conv.padding * 2,
                     dilations=[1, 1], group=conv.groups)
        stats = [graph.initializer(f"{prefix}.bn.{name}", array(value))
                 for name, value in (("weight", norm.weight),
                                     ("bias", norm.bias),
                                     ("running_mean", norm.running_mean),
                                     ("running_var", norm.running_var))]
        x = graph.op("BatchNormalization", [x] + stats, scope, epsilon=norm.eps)
        if len(self) == 3:
            low = graph.constant(0.0, scope, np.float32)
            high = graph.constant(6.0, scope, np.float32)
            x = graph.op("Clip", [x, low, high], scope)
        return x


class InvertedResidual(nn.Module):
    def __init__(self, cin, cout, expansion, stride):
        super().__init__()
        wide = cin * expansion
        self.expand = ConvNorm(cin, wide, 1)
        self.depthwise = ConvNorm(wide, wide, 3, stride, groups=wide)
        self.project = ConvNorm(wide, cout, 1, act=False)
        self.residual = stride == 1 and cin == cout

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y

    def emit(self, graph, x, prefix):
        y = x
        for part in ("expand", "depthwise", "project"):
            y = getattr(self, part).emit(graph, y, f"{prefix}.{part}")
        if self.residual:
            y = graph.op("Add", [x, y], "/" + prefix.replace(".", "/"))
        return y


class FashionCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ConvNorm(1, STEM, 3)
        widths = [STEM] + [cout for cout, _, _ in BLOCKS]
        self.blocks = nn.Sequential(*[
            InvertedResidual(cin, *block) for cin, block in zip(widths, BLOCKS)])
        self.head = ConvNorm(widths[-1], HEAD, 1)
        self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, x):
        # Torch's depthwise gradients run three times faster channels-last.
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.head(self.blocks(self.stem(x)))
        return self.classifier(x.mean((2, 3)))


def array(tensor):
    return tensor.detach().contiguous().numpy()


def emit(model, path):
    graph = Graph("fashion-cnn")
    x = graph.input("image", np.float32, ["batch", 1, 28, 28])
    x = model.stem.emit(graph, x, "stem")
    for i, block in enumerate(model.blocks):
        x = block.emit(graph, x, f"blocks.{i}")
    x = model.head.emit(graph, x, "head")
    x = graph.op("GlobalAveragePool", [x], "/pool")
    x = graph.op("Flatten", [x], "/flatten", axis=1)
    w = graph.initializer("classifier.weight", array(model.classifier.weight))
    b = graph.initializer("classifier.bias", array(model.classifier.bias))
    x = graph.op("Gemm", [x, w, b], "/classifier", alpha=1.0, beta=1.0, transB=1)
    graph.output("logits", x, np.float32, ["batch", CLASSES])
    graph.save(path)


def main():
    options = fashion_training.parse_options(__doc__, epochs=7)
    model = FashionCnn().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(fashion_training.decay_groups(model, 5e-4),
                                lr=0.0, momentum=0.9, nesterov=True)
    fashion_training.train(model, optimizer, peak=0.2, shift=2,
                           options=options)
    model.eval()
    emit(model, options.output)
    fashion_training.report(model, options.output)


if __name__ == "__main__":
    main()
