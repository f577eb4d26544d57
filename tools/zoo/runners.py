# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two ways to run a model: ONNX Runtime here, an artifact by qrun.

Both are called with {input: array} and perhaps how many rows (entries of axis
0) to run at once, and return {output: array}.
"""

import pathlib
import subprocess
import tempfile

import numpy as np
import onnxruntime


class Ort:
    def __init__(self, model):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]

    def __call__(self, inputs, rows=None):
        count = len(next(iter(inputs.values()))) if rows else 1
        parts = [self.session.run(None, {
            name: value[start:start + rows] if rows else value
            for name, value in inputs.items()})
            for start in range(0, count, rows or 1)]
        if not rows:
            return dict(zip(self.outputs, parts[0]))
        return {name: np.concatenate(values)
                for name, values in zip(self.outputs, zip(*parts))}


class Qrun:
    """qrun on an artifact; `outputs` are the names to ask for, `frozen` those of
    inputs it does not have any more."""

    def __init__(self, qrun, artifact, outputs, frozen=()):
        self.qrun, self.artifact, self.outputs = qrun, artifact, outputs
        self.frozen = frozen

    def __call__(self, inputs, rows=None):
        with tempfile.TemporaryDirectory() as folder:
            command = [self.qrun, self.artifact]
            for index, (name, value) in enumerate(inputs.items()):
                if name in self.frozen:
                    continue
                path = pathlib.Path(folder, f"in{index}.npy")
                np.save(path, value)
                command += ["--input", f"{name}=@{path}"]
            paths = [pathlib.Path(folder, f"out{index}.npy")
                     for index in range(len(self.outputs))]
            for name, path in zip(self.outputs, paths):
                command += ["--output", f"{name}=@{path}"]
            if rows:
                command += ["--batch", str(rows)]
            run(command)
            return {name: np.load(path)
                    for name, path in zip(self.outputs, paths)}


class Failed(Exception):
    """A command failed; the message is what it said."""


def run(command, seconds=600):
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"'{' '.join(command)}' took over {seconds} s") from error
    if done.returncode:
        raise Failed(done.stderr.strip() or f"exit {done.returncode}")
    return done.stdout
