#!/usr/bin/env python3
# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains a small vision transformer on Fashion-MNIST and writes it as ONNX.

Example:
    train_fashion_vit.py test/models/fashion-vit.onnx

Patch embedding of 4x4 pixels by convolution, four pre-norm blocks of
multi-head attention and a GELU MLP, mean over tokens, one linear layer.
Input `image` float32 [batch, 1, 28, 28] in [0, 1] (normalized inside),
output `logits` [batch, 10].
Needs Debian's python3-torch, python3-onnx, libopenblas0 and
dataset-fashion-mnist; 10 to 15 minutes on one core.
"""

import fashion_training  # before numpy and torch: it limits their threads

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from onnx_graph import Graph

PATCH, TOKENS, DIM, HEADS, DEPTH, MLP, CLASSES = 4, 49, 64, 4, 4, 128, 10
HEAD_DIM = DIM // HEADS
PIXEL_MEAN, PIXEL_STD = 0.2860, 0.3530


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.output = (
            nn.Linear(DIM, DIM) for _ in range(4))

    def forward(self, x):
        q, k, v = (layer(x).view(-1, TOKENS, HEADS, HEAD_DIM).transpose(1, 2)
                   for layer in (self.query, self.key, self.value))
        weights = (q @ k.transpose(2, 3) / HEAD_DIM ** 0.5).softmax(-1)
        return self.output((weights @ v).transpose(1, 2).reshape(-1, TOKENS, DIM))

    def emit(self, graph, x, prefix):
        scope = "/" + prefix.replace(".", "/")
        # Keys come out as [batch, heads, dim, tokens], ready to be multiplied.
        q, k, v = (self._emit_heads(graph, x, prefix, name, perm)
                   for name, perm in (("query", [0, 2, 1, 3]),
                                      ("key", [0, 2, 3, 1]),
                                      ("value", [0, 2, 1, 3])))
        root = graph.constant(HEAD_DIM ** 0.5, scope, np.float32)
        scores = graph.op("Div", [graph.op("MatMul", [q, k], scope), root], scope)
        weights = graph.op("Softmax", [scores], scope, axis=-1)
        y = graph.op("MatMul", [weights, v], scope)
        y = graph.op("Transpose", [y], scope, perm=[0, 2, 1, 3])
        shape = graph.constant([0, 0, DIM], scope, np.int64)
        y = graph.op("Reshape", [y, shape], scope)
        return emit_linear(graph, y, self.output, f"{prefix}.output")

    def _emit_heads(self, graph, x, prefix, name, perm):
        scope = "/" + prefix.replace(".", "/")
        y = emit_linear(graph, x, getattr(self, name), f"{prefix}.{name}")
        shape = graph.constant([0, 0, HEADS, HEAD_DIM], scope, np.int64)
        y = graph.op("Reshape", [y, shape], scope)
        return graph.op("Transpose", [y], scope, perm=perm)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.attention = Attention()
        self.fc1, self.fc2 = nn.Linear(DIM, MLP), nn.Linear(MLP, DIM)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    def emit(self, graph, x, prefix):
        scope = "/" + prefix.replace(".", "/")
        y = emit_norm(graph, x, self.norm1, f"{prefix}.norm1")
        y = self.attention.emit(graph, y, f"{prefix}.attention")
        x = graph.op("Add", [x, y], scope)
        y = emit_norm(graph, x, self.norm2, f"{prefix}.norm2")
        y = emit_linear(graph, y, self.fc1, f"{prefix}.fc1")
        y = graph.gelu(y, f"{scope}/act")
        y = emit_linear(graph, y, self.fc2, f"{prefix}.fc2")
        return graph.op("Add", [x, y], scope)


class FashionVit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, DIM, PATCH, PATCH)
        self.position = nn.Parameter(torch.randn(1, TOKENS, DIM) * 0.02)
        self.blocks = nn.Sequential(*[Block() for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(DIM)
        self.classifier = nn.Linear(DIM, CLASSES)

    def forward(self, x):
        x = self.patch((x - PIXEL_MEAN) / PIXEL_STD)
        x = x.flatten(2).transpose(1, 2) + self.position
        return self.classifier(self.norm(self.blocks(x)).mean(1))


def array(tensor):
    return tensor.detach().contiguous().numpy()


def emit_linear(graph, x, layer, prefix):
    return graph.linear(x, array(layer.weight).T, array(layer.bias), prefix,
                        "/" + prefix.replace(".", "/"))


def emit_norm(graph, x, norm, prefix):
    weight = graph.initializer(f"{prefix}.weight", array(norm.weight))
    bias = graph.initializer(f"{prefix}.bias", array(norm.bias))
    return graph.op("LayerNormalization", [x, weight, bias],
                    "/" + prefix.replace(".", "/"), axis=-1, epsilon=norm.eps)


def emit(model, path):
    graph = Graph("fashion-vit")
    x = graph.input("image", np.float32, ["batch", 1, 28, 28])
    mean = graph.constant(PIXEL_MEAN, "/normalize", np.float32)
    std = graph.constant(PIXEL_STD, "/normalize", np.float32)
    x = graph.op("Sub", [x, mean], "/normalize")
    x = graph.op("Div", [x, std], "/normalize")
    w = graph.initializer("patch.weight", array(model.patch.weight))
    b = graph.initializer("patch.bias", array(model.patch.bias))
    x = graph.op("Conv", [x, w, b], "/patch", kernel_shape=[PATCH, PATCH],
                 strides=[PATCH, PATCH], pads=[0, 0, 0, 0], dilations=[1, 1],
                 group=1)
    shape = graph.constant([0, DIM, -1], "/patch", np.int64)
    x = graph.op("Reshape", [x, shape], "/patch")
    x = graph.op("Transpose", [x], "/patch", perm=[0, 2, 1])
    position = graph.initializer("position", array(model.position))
    x = graph.op("Add", [x, position], "/patch")
    for i, block in enumerate(model.blocks):
        x = block.emit(graph, x, f"blocks.{i}")
    x = emit_norm(graph, x, model.norm, "norm")
    x = graph.op("ReduceMean", [x], "/pool", axes=[1], keepdims=0)
    w = graph.initializer("classifier.weight", array(model.classifier.weight))
    b = graph.initializer("classifier.bias", array(model.classifier.bias))
    x = graph.op("Gemm", [x, w, b], "/classifier", alpha=1.0, beta=1.0, transB=1)
    graph.output("logits", x, np.float32, ["batch", CLASSES])
    graph.save(path)


def main():
    options = fashion_training.parse_options(__doc__, epochs=8)
    model = FashionVit()
    optimizer = torch.optim.AdamW(fashion_training.decay_groups(model, 0.05),
                                  lr=0.0, betas=(0.9, 0.98))
    fashion_training.train(model, optimizer, peak=2e-3, shift=1,
                           options=options)
    emit(model, options.output)
    fashion_training.report(model, options.output)


if __name__ == "__main__":
    main()
