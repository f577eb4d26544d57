# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who runs in `compare`: ONNX Runtime in this process, and our qrun.

A contestant prepares itself once (quantize, compile, load), then
`measure(seconds)` runs it for that long and returns the median latency in ms.
"""

import json
import logging
import pathlib
import re
import statistics
import subprocess
import time

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference

CALIBRATION_SAMPLES = 128
CALIBRATION_BATCH = 8
LEAST_RUNS = 5
LEAST_OPSET = 13
NOT_IN_A_NAME = re.compile(r"[^\w.]")


class Failed(Exception):
    """A contestant can not run; the message is for the user."""


class Ort:
    """ONNX Runtime on one model file, inputs and outputs bound beforehand."""

    def __init__(self, model, inputs, options):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.graph_optimization_level = \
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            str(model), settings, providers=["CPUExecutionProvider"])
        # Binding spares small models the copies that session.run makes.
        self.binding = self.session.io_binding()
        for name, value in inputs.items():
            self.binding.bind_cpu_input(name, value)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)
        for _ in range(options.warmup):
            self.session.run_with_iobinding(self.binding)

    def measure(self, seconds):
        times = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < LEAST_RUNS:
            start = time.perf_counter()
            self.session.run_with_iobinding(self.binding)
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e3


class CalibrationRows(quantization.CalibrationDataReader):
    def __init__(self, path):
        with np.load(path) as data:
            arrays = {k: data[k][:CALIBRATION_SAMPLES] for k in data.files}
        count = len(next(iter(arrays.values())))
        self.batches = iter([
            {k: v[i:i + CALIBRATION_BATCH] for k, v in arrays.items()}
            for i in range(0, count, CALIBRATION_BATCH)])

    def get_next(self):
        return next(self.batches, None)


def ort_int8(model, calibration, kind, transformer, cache):
    """The model quantized by ONNX Runtime, made once: kind static or dynamic.

    The options are those that ran fastest on these models: unsigned activations
    (its default, signed, has no quick kernels on x86), and in transformers
    matrix products only (more Q/DQ breaks its fusions of norm and GELU). Weights
    of 7 bits where its kernels saturate 16-bit sums, as it advises.
    """
    result = cache / f"{model.stem}-ort-{kind}.onnx"
    if result.exists() and result.stat().st_mtime > model.stat().st_mtime:
        return result
    print(f"quantizing {model.stem} with ONNX Runtime, {kind}", flush=True)
    logging.disable(logging.WARNING)
    prepared = cache / f"{model.stem}-ort-prepared.onnx"
    # Its symbolic shape inference gives up on MiniLM; ONNX's own suffices.
    shape_inference.quant_pre_process(modern(model, cache), str(prepared),
                                      skip_symbolic_shape=True)
    if kind == "static":
        quantization.quantize_static(
            str(prepared), str(result), CalibrationRows(calibration),
            quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"] if transformer else None,
            reduce_range=not has_vnni())
    else:
        quantization.quantize_dynamic(str(prepared), str(result),
                                      per_channel=True,
                                      reduce_range=not has_vnni())
    return result


def has_vnni():
    """Whether this CPU sums products of bytes in 32 bits at once."""
    return "vnni" in pathlib.Path("/proc/cpuinfo").read_text()


def modern(model, cache):
    """The path of the model in an opset that has per-channel DequantizeLinear."""
    loaded = onnx.load(model)
    if all(o.version >= LEAST_OPSET for o in loaded.opset_import if not o.domain):
        return str(model)
    path = cache / f"{model.stem}-opset{LEAST_OPSET}.onnx"
    onnx.save(onnx.version_converter.convert_version(loaded, LEAST_OPSET), path)
    return str(path)


class Ours:
    """qrun on one artifact; every round is a process of its own."""

    def __init__(self, artifact, inputs, options, cache):
        self.command = [options.build / "bin/qrun", artifact]
        for name, value in inputs.items():
            size = "x".join(map(str, value.shape))
            path = cache / f"{artifact.stem}-{NOT_IN_A_NAME.sub('_', name)}-{size}.npy"
            np.save(path, value)
            self.command += ["--input", f"{name}=@{path}"]
        self.command += ["--threads", str(options.threads), "--bench",
                         "--warmup", str(options.warmup), "--json"]

    def measure(self, seconds):
        output = run(self.command + ["--duration", str(seconds)])
        try:
            return json.loads(output)["median_ms"]
        except (ValueError, KeyError) as error:
            raise Failed("expected qrun to print a JSON object with median_ms, "
                         f"found: {output[:200]}") from error


def compiled(model, calibration, preset, options, cache, frozen=None):
    """Our artifact of the model, compiled again when qopt or it is newer.

    `frozen`: inputs that become constants, {name: number}.
    """
    qopt = options.build / "bin/qopt"
    artifact = cache / f"{model.stem}-{preset}.qar"
    if not qopt.exists():
        raise Failed(f"no {qopt}; build it, or name its folder with --build")
    newest = max(qopt.stat().st_mtime, model.stat().st_mtime)
    if not artifact.exists() or artifact.stat().st_mtime < newest:
        print(f"compiling {model.stem}, {preset}", flush=True)
        run([qopt, "compile", model, "-o", artifact, "--preset", preset,
             "--calib", calibration,
             *(f"--freeze={name}={number}"
               for name, number in (frozen or {}).items())])
    return artifact


def run(command):
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"'{' '.join(command)}' exited {done.returncode}: "
                     f"{done.stderr.strip()[-500:]}")
    return done.stdout


def prepare(kind, case, inputs, options, cache):
    """Makes the contestant `kind` ready for `case`."""
    model, calibration = case.model, case.calibration
    maker, _, precision = kind.partition(" ")
    if maker == "ours":
        artifact = compiled(model, calibration, precision, options, cache,
                            case.frozen)
        free = {k: v for k, v in inputs.items() if k not in case.frozen}
        return Ours(artifact, free, options, cache)
    if precision != "fp32":
        how = {"int8": "static", "dynamic": "dynamic"}[precision]
        model = ort_int8(model, calibration, how, case.transformer, cache)
    return Ort(model, inputs, options)
