# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models of the zoo, one module each in models/.

A module NAME offers
    fetch(output, cache)   writes into the folder `output` NAME.onnx, data to
                           calibrate with (NAME-calib.npz or a folder
                           NAME-calib), real inputs NAME-TEST.npz for every TEST
                           of TESTS, and NAME-time.npz to time with
    METRIC, LOSS           what its task is measured by, in per cent (more is
                           better), and by how many points int8 may stay behind
    judge(folder, outputs, reference) -> float
                           the metric of `outputs`; `reference` holds those of
                           ONNX Runtime in fp32. Both are lists of {name: array},
                           one for every TEST
    FROZEN                 perhaps: inputs that we compile as constants
    RIVAL                  perhaps: how ONNX Runtime's int8 is made, "dynamic" (its
                           static quantization otherwise)
    NOTE                   perhaps: why fp32 differs from ONNX Runtime
    evaluate(folder, run)  where TESTS do not say it (a model with state): the
                           outputs; run({name: array}) runs the model once
"""

import numpy as np

from models import (basic_pitch, centerface, magika, minilm, mobilenet_v2,
                    ppocr_cls, ppocr_det, ppocr_rec, resemblyzer, silero_vad,
                    smollm2, torchcrepe)

MODELS = {module.__name__.rpartition(".")[2]: module for module in (
    ppocr_det, ppocr_rec, ppocr_cls, centerface, mobilenet_v2, minilm,
    silero_vad, magika, basic_pitch, torchcrepe, resemblyzer,
    smollm2)}
ROWS_AT_ONCE = 8


def calibration(folder, name):
    file = folder / f"{name}-calib.npz"
    return file if file.exists() else folder / f"{name}-calib"


def evaluate(folder, name, run):
    """The outputs of every test of a model, `run` being a runner of it."""
    module = MODELS[name]
    if hasattr(module, "evaluate"):
        return module.evaluate(folder, run)
    outputs = []
    for test in module.TESTS:
        with np.load(folder / f"{name}-{test}.npz") as data:
            outputs.append(run({key: data[key] for key in data.files},
                               ROWS_AT_ONCE))
    return outputs
