# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PP-OCRv4 text recognition (SVTR): a line of text to letters."""

import numpy as np
import onnx

import agreement
import packages
import text_lines

MEMBER = "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
METRIC, LOSS = "letters read on rendered lines, %", 1.0
TESTS, OUTPUT = ("test",), "softmax_11.tmp_0"
WIDTH = 320
CALIBRATION_LINES, TEST_LINES = 96, 256


def fetch(output, cache):
    data = packages.read_member(packages.PPOCR, cache, MEMBER)
    (output / "ppocr_rec.onnx").write_bytes(data)
    calibration, test = (
        text_lines.lines(cache, count, seed)
        for count, seed in ((CALIBRATION_LINES, 0), (TEST_LINES, 1)))
    for name, lines in (("calib", calibration), ("test", test),
                        ("time", test[:1])):
        inputs = [text_lines.network_input(p, WIDTH) for _, p in lines]
        np.savez(output / f"ppocr_rec-{name}.npz", x=np.stack(inputs))
    (output / "ppocr_rec-test.txt").write_text(
        "\n".join(text for text, _ in test) + "\n")


def judge(folder, outputs, _reference):
    """100 minus the edits that mend the read lines, per hundred letters."""
    model = onnx.load(folder / "ppocr_rec.onnx", load_external_data=False)
    letters = {p.key: p.value for p in model.metadata_props}["character"]
    alphabet = [""] + letters.splitlines() + [" "]
    truth = (folder / "ppocr_rec-test.txt").read_text().splitlines()
    edits = sum(agreement.edit_distance(read(best, alphabet), text)
                for best, text in zip(outputs[0][OUTPUT].argmax(2), truth))
    return 100 - 100 * edits / sum(map(len, truth))


def read(classes, alphabet):
    """Connectionist temporal classification: merge repeats, drop blanks (0)."""
    changes = np.flatnonzero(np.diff(classes, prepend=-1))
    return "".join(alphabet[c] for c in classes[changes])
