# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Resemblyzer: three LSTM layers that tell speakers apart by their voice."""

import numpy as np

import audio
import checkpoints
import packages
from onnx_graph import Graph

WEIGHTS = "resemblyzer/pretrained.pt"
METRIC, LOSS = "clips given to their speaker, %", 1.0
TESTS = ("test",)
LAYERS, HIDDEN, BANDS = 3, 256, 40
RATE, WINDOW, HOP, FRAMES = 16000, 400, 160, 160
SECONDS, LOUDNESS = 1.6, 10 ** (-30 / 20)
CLIPS_OF_A_SPEAKER = 48


class Exporter:
    def __init__(self, weights):
        self.weights = weights
        self.graph = Graph("resemblyzer")

    def lstm(self, x, layer):
        """[time, batch, features] -> the same, and the last hidden state."""
        graph, scope = self.graph, "/lstm"
        # torch's gates are input, forget, cell, output; ONNX's i, o, f, c.
        def gates(name):
            i, f, c, o = np.split(self.weights[f"lstm.{name}_l{layer}"], 4)
            return np.concatenate([i, o, f, c])
        w, r = (graph.initializer(f"lstm.{name}_l{layer}", gates(name)[None])
                for name in ("weight_ih", "weight_hh"))
        bias = np.concatenate([gates("bias_ih"), gates("bias_hh")])[None]
        b = graph.initializer(f"lstm.bias_l{layer}", bias)
        every, last, _ = graph.op("LSTM", [x, w, r, b], scope, outputs=3,
                                  hidden_size=HIDDEN)
        direction = graph.constant([1], scope, np.int64)
        return graph.op("Squeeze", [every, direction], scope), last

    def export(self, path):
        graph = self.graph
        x = graph.input("mels", np.float32, ["batch", "frames", BANDS])
        x = graph.op("Transpose", [x], "/lstm", perm=[1, 0, 2])
        for layer in range(LAYERS):
            x, last = self.lstm(x, layer)
        direction = graph.constant([0], "/lstm", np.int64)
        x = graph.op("Squeeze", [last, direction], "/lstm")
        w, b = (graph.initializer(name, self.weights[name])
                for name in ("linear.weight", "linear.bias"))
        x = graph.op("Gemm", [x, w, b], "/linear", alpha=1.0, beta=1.0, transB=1)
        x = graph.op("Relu", [x], "/relu")
        norm = graph.op("ReduceL2", [x], "/norm", axes=[1], keepdims=1)
        x = graph.op("Div", [x, norm], "/norm")
        graph.output("embedding", x, np.float32, ["batch", HIDDEN])
        graph.save(path)


def clips(cache):
    """[speakers, clips, frames, bands]: power in mel bands, at one loudness."""
    result = []
    for language in packages.SPEECH:
        rows = audio.speech(cache, RATE, SECONDS, CLIPS_OF_A_SPEAKER, language)
        rows = rows * LOUDNESS / np.sqrt(np.mean(rows ** 2, 1, keepdims=True))
        result.append([audio.mel_spectrogram(row, RATE, WINDOW, HOP, BANDS)[:FRAMES]
                       for row in rows])
    return np.array(result, np.float32)


def fetch(output, cache):
    data = packages.read_member(packages.RESEMBLYZER, cache, WEIGHTS)
    weights = checkpoints.read_pth(data, key="model_state")
    Exporter(weights).export(output / "resemblyzer.onnx")
    calibration, test = np.split(clips(cache), [CLIPS_OF_A_SPEAKER // 4], axis=1)
    for name, rows in (("calib", calibration), ("test", test)):
        np.savez(output / f"resemblyzer-{name}.npz",
                 mels=rows.reshape(-1, FRAMES, BANDS))
    np.savez(output / "resemblyzer-time.npz", mels=test[0, :1])


def judge(_folder, outputs, _reference):
    """Each clip goes to the speaker whose other clips lie nearest on average."""
    rows = outputs[0]["embedding"].reshape(len(packages.SPEECH), -1, HIDDEN)
    speakers, count, _ = rows.shape
    rows = rows.reshape(-1, HIDDEN)
    owner = np.repeat(np.arange(speakers), count)
    alike = rows @ rows.T
    np.fill_diagonal(alike, np.nan)
    nearness = [np.nanmean(alike[:, owner == s], 1) for s in range(speakers)]
    return 100 * np.mean(np.argmax(nearness, 0) == owner)
