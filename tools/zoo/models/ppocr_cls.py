# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PP-OCR's classifier of text lines: upright, or upside down."""

import numpy as np

import packages
import text_lines

MEMBER = "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx"
METRIC, LOSS = "lines told upright or upside down, %", 1.0
TESTS, OUTPUT = ("test",), "save_infer_model/scale_0.tmp_1"
WIDTH = 192
CALIBRATION_LINES, TEST_LINES = 96, 256


def fetch(output, cache):
    data = packages.read_member(packages.PPOCR, cache, MEMBER)
    (output / "ppocr_cls.onnx").write_bytes(data)
    for name, count, seed in (("calib", CALIBRATION_LINES, 0),
                              ("test", TEST_LINES, 1), ("time", 1, 1)):
        pictures = [p for _, p in text_lines.lines(cache, count, seed)]
        # Every other line is upside down: `judge` counts on it.
        inputs = [text_lines.network_input(p.rotate(180 * (i % 2)), WIDTH)
                  for i, p in enumerate(pictures)]
        np.savez(output / f"ppocr_cls-{name}.npz", x=np.stack(inputs))


def judge(_folder, outputs, _reference):
    classes = outputs[0][OUTPUT].argmax(1)
    return 100 * np.mean(classes == np.arange(len(classes)) % 2)
