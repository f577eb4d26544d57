# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PP-OCRv4 text detection: which pixels of a picture belong to text."""

import numpy as np
from PIL import Image

import packages
import text_lines

MEMBER = "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
PICTURES = "usr/share/doc/opencv-doc/examples"
METRIC, LOSS = "text pixels, intersection over union with fp32, %", 5.0
TESTS, OUTPUT = ("test",), "sigmoid_0.tmp_0"
HEIGHT, WIDTH = 480, 640
THRESHOLD = 0.3
LINES_ON_A_PICTURE = 8
CALIBRATION_PICTURES, TEST_PICTURES = 16, 24


def pages(cache):
    """Photographs, every other one with rendered lines put on it."""
    folder = packages.unpack_debian(packages.OPENCV_DOC, cache) / PICTURES
    rng = np.random.default_rng(1)
    scenes = sorted((folder / "text").glob("scenetext[0-9]*.jpg"))
    others = sorted(folder.joinpath("data").glob("*.jpg"))
    others = [others[i] for i in rng.permutation(len(others))]
    count = CALIBRATION_PICTURES + TEST_PICTURES
    lines = text_lines.lines(cache, count * LINES_ON_A_PICTURE, 2)
    result = []
    for path in (scenes + others)[:count]:
        page = Image.open(path).convert("RGB").resize((WIDTH, HEIGHT))
        if path not in scenes and len(result) % 2:
            for row in range(LINES_ON_A_PICTURE):
                line = lines.pop()[1]
                left = int(rng.integers(max(1, WIDTH - line.width)))
                page.paste(line, (left, 4 + row * HEIGHT // LINES_ON_A_PICTURE))
        pixels = np.asarray(page, np.float32)[:, :, ::-1] / 127.5 - 1
        result.append(pixels.transpose(2, 0, 1))
    order = rng.permutation(len(result))
    return np.stack([result[i] for i in order])


def fetch(output, cache):
    data = packages.read_member(packages.PPOCR, cache, MEMBER)
    (output / "ppocr_det.onnx").write_bytes(data)
    calibration, test = np.split(pages(cache), [CALIBRATION_PICTURES])
    for name, rows in (("calib", calibration), ("test", test),
                       ("time", test[:1])):
        np.savez(output / f"ppocr_det-{name}.npz", x=rows)


def judge(_folder, outputs, reference):
    ours, theirs = (o[0][OUTPUT] > THRESHOLD for o in (outputs, reference))
    return 100 * np.sum(ours & theirs) / np.sum(ours | theirs)
