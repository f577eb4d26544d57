# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Magika: what kind of file bytes come from."""

import json
import pathlib

import numpy as np

import packages

FOLDER = "magika/models/standard_v3_3"
METRIC, LOSS = "files of /usr named by their extension, %", 1.0
TESTS = ("test",)
# Measured with the graph's tensors widened, in ONNX's reference evaluator.
NOTE = ("its norms take the variance as mean(x^2) - mean(x)^2, which cancels, "
        "ours of centred values: from the model computed in float64 ONNX Runtime "
        "differs by 2.5e-4")
KINDS = {".py": "python", ".png": "png", ".gz": "gzip", ".html": "html",
         ".xml": "xml", ".js": "javascript", ".css": "css", ".json": "json",
         ".svg": "svg", ".sh": "shell", ".pm": "perl", ".pl": "perl",
         ".h": "c", ".c": "c", ".hpp": "cpp", ".cpp": "cpp", ".so": "elf",
         ".o": "elf", ".a": "ar", ".ttf": "ttf", ".pyc": "pythonbytecode",
         ".jpg": "jpeg", ".yaml": "yaml", ".cmake": "cmake", ".wav": "wav",
         ".tcl": "tcl", ".md": "markdown", ".rst": "rst", ".zip": "zip"}
FILES_OF_A_KIND = 24
BLOCK, SIDE, PADDING = 4096, 1024, 256


def features(path):
    """int32 [2048]: the first and the last 1024 bytes, stripped, padded."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        first = file.read(BLOCK)
        file.seek(max(0, size - BLOCK))
        last = file.read(BLOCK)
    first, last = first.lstrip(), last.rstrip()
    if size <= BLOCK:
        first, last = first.rstrip(), last.lstrip()
    result = np.full(2 * SIDE, PADDING, np.int32)
    first, last = (np.frombuffer(part, np.uint8)
                   for part in (first[:SIDE], last[-SIDE:]))
    result[:len(first)] = first
    result[2 * SIDE - len(last):] = last
    return result


def files(labels):
    """[(path, class)] of this machine's /usr, at most so many of a kind."""
    found = {}
    for path in sorted(pathlib.Path("/usr").rglob("*")):
        kind = KINDS.get(path.suffix)
        if kind in labels and path.is_file() and not path.is_symlink() \
                and path.stat().st_size >= 64:
            found.setdefault(kind, []).append(path)
    rng = np.random.default_rng(1)
    return [(paths[i], labels.index(kind)) for kind, paths in sorted(found.items())
            for i in rng.permutation(len(paths))[:FILES_OF_A_KIND]]


def fetch(output, cache):
    model, config = (packages.read_member(packages.MAGIKA, cache, f"{FOLDER}/{name}")
                     for name in ("model.onnx", "config.min.json"))
    (output / "magika.onnx").write_bytes(model)
    chosen = files(json.loads(config)["target_labels_space"])
    rows = np.stack([features(path) for path, _ in chosen])
    classes = np.array([index for _, index in chosen])
    # A third calibrates, the rest judges.
    calibrate = np.arange(len(rows)) % 3 == 0
    for name, taken in (("calib", rows[calibrate]), ("test", rows[~calibrate]),
                        ("time", rows[1:2])):
        np.savez(output / f"magika-{name}.npz", bytes=taken)
    np.save(output / "magika-test-classes.npy", classes[~calibrate])


def judge(folder, outputs, _reference):
    classes = np.load(folder / "magika-test-classes.npy")
    return 100 * np.mean(outputs[0]["target_label"].argmax(1) == classes)
