"""Runs qopt and qrun for the end-to-end tests.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import atexit
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("QOPT_BUILD", ROOT / "build"))
MODELS = ROOT / "test/models"
BUILD.mkdir(parents=True, exist_ok=True)
# Of this process: files of tests run beside each other.
WORK = pathlib.Path(tempfile.mkdtemp(prefix="test-e2e-", dir=BUILD))
atexit.register(shutil.rmtree, WORK, ignore_errors=True)


def run(tool, *arguments, expect=0):
    """Runs build/bin/<tool>; fails unless it exits with `expect`. Returns the
    completed process, text captured."""
    command = [str(BUILD / "bin" / tool), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != expect:
        raise AssertionError(f"{' '.join(command)}\nexit code {result.returncode}, "
                             f"expected {expect}\n{result.stderr[-2000:]}")
    return result


@functools.lru_cache
def data():
    """The folder with calib.npz, test.npz and test_labels.npy."""
    folder = WORK / "data"
    if not (folder / "test_labels.npy").exists():
        subprocess.run(["/usr/bin/python3", str(ROOT / "tools/zoo/fashion_data.py"),
                        str(folder)], check=True)
    return folder


@functools.lru_cache
def images(count=64):
    path = WORK / f"images{count}.npy"
    if not path.exists():
        numpy.save(path, numpy.load(data() / "test.npz")["image"][:count])
    return path


@functools.lru_cache
def compile(model, *arguments):
    """The artifact of test/models/<model>.onnx under these options."""
    name = "-".join([model, *(str(a).strip("-").replace("/", "_").replace("=", "_")
                              for a in arguments)])
    artifact = WORK / f"{name}.qar"
    calibration = [] if "fp32" in arguments else ["--calib", data() / "calib.npz"]
    run("qopt", "compile", MODELS / f"{model}.onnx", "-o", artifact, *calibration,
        *arguments)
    return artifact


def logits(artifact, *arguments, count=64):
    """The model's output for the first test images."""
    out = WORK / "logits.npy"
    run("qrun", artifact, "--input", f"image=@{images(count)}",
        "--output", f"logits=@{out}", *arguments)
    return numpy.load(out)


def top1(artifact):
    """Top-1 over the 10,000 test images, in per cent."""
    result = run("qrun", artifact, "--input", f"image=@{data() / 'test.npz'}",
                 "--batch", 250, "--labels", f"@{data() / 'test_labels.npy'}",
                 "--metric", "top1", "--json")
    return json.loads(result.stdout)["top1"]


def sqnr(reference, value):
    """Signal to quantization noise in decibels."""
    reference = reference.astype(numpy.float64)
    noise = ((reference - value) ** 2).sum()
    return numpy.inf if noise == 0 else 10 * numpy.log10((reference ** 2).sum() / noise)
