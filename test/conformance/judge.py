"""Compiles and runs one case and compares what comes out.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import dataclasses
import json
import re
import subprocess
import threading

import numpy
import onnx

from cases import (BFLOAT16, operators, opset, read_tensor, to_array,
                   with_constant_shapes, with_dynamic_dimensions)

UNSUPPORTED = 4
TIMEOUT = 300  # seconds, a job
# Kernels compute in f32 with polynomials good to a few units in the last place;
# the references were computed by NumPy, partly in f64.
RELATIVE, ABSOLUTE = 1e-3, 1e-5
FLOAT8E5M2 = 19  # of TensorProto, newer than Debian's package
# A bf16 has 8 bits: two units in the last place, as ONNX's own runner allows.
# Its references round after every step, kernels once.
RELATIVE_BFLOAT16 = 2.0 ** -6


@dataclasses.dataclass
class Result:
    verdict: str  # "pass", "unsupported", "fail" or "excluded"
    reason: str = ""
    ulp: int = 0  # the largest error of a floating-point output
    operators: list = dataclasses.field(default_factory=list)
    opset: int = 0


def describe(case, result):
    """Adds what the model says of itself."""
    proto = onnx.ModelProto()
    proto.ParseFromString((case / "model.onnx").read_bytes())
    result.operators, result.opset = operators(proto), opset(proto)
    return result


class Batch:
    """A `qopt batch` process that compiles one model after another. A process
    that dies takes one job with it."""

    def __init__(self, qopt):
        self.command, self.process = [str(qopt), "batch", "-"], None

    def compile(self, *arguments):
        """Exit code and message of one job."""
        if not self.process:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True)
        timer = threading.Timer(TIMEOUT, self.process.kill)
        timer.start()
        try:
            print(json.dumps([str(a) for a in arguments]), file=self.process.stdin,
                  flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            code, self.process = self.process.wait(), None
            return code, "the process died or took too long"
        answer = json.loads(line)
        return answer["exit_code"], answer["message"]

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.stdout.read()
            self.process.wait()


def to_floats(array, onnx_type):
    """Elements as numbers; bf16 is stored as codes."""
    if onnx_type == BFLOAT16:
        return (array.astype("u4") << 16).view("f4")
    return array


def largest_ulp(found, expected, onnx_type):
    """The largest distance in representable numbers between. bf16 as floats: the
    upper half of their bits."""
    bits = found.dtype.itemsize * 8
    scale = 2 ** 16 if onnx_type == BFLOAT16 else 1

    def order(x):
        # Sign and magnitude -> a number that grows with the float.
        codes = x.view(f"i{x.dtype.itemsize}").astype(object if bits == 64 else "i8")
        return numpy.where(codes < 0, -(codes + 2 ** (bits - 1)), codes)
    same = (found == expected) | (numpy.isnan(found) & numpy.isnan(expected))
    if same.all():
        return 0
    distance = numpy.abs(order(found[~same]) - order(expected[~same]))
    return int(distance.max()) // scale


def one_nan(codes):
    """Codes of f8e5m2 with one NaN for each sign: it has three."""
    is_nan = ((codes & 0x7c) == 0x7c) & ((codes & 3) != 0)
    return numpy.where(is_nan, codes | 3, codes)


def compare(name, found, tensor):
    """(reason or "", ULP) of an output against the TensorProto expected."""
    expected = to_array(tensor)
    if tensor.data_type == BFLOAT16 and found.dtype == "V2":
        found = found.view("<u2")
    # Elements below a byte and 8-bit floats: their codes, a byte each.
    if found.dtype == "V1" and expected.dtype.itemsize == 1:
        found = found.view(expected.dtype)
    if tensor.data_type == FLOAT8E5M2:
        found, expected = one_nan(found), one_nan(expected)
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return (f"{name}: expected {expected.dtype}{expected.shape}, "
                f"found {found.dtype}{found.shape}", 0)
    found = to_floats(found, tensor.data_type)
    expected = to_floats(expected, tensor.data_type)
    if expected.dtype.kind != "f":
        if (found == expected).all():
            return "", 0
        off = numpy.abs(found.astype(float) - expected.astype(float)).max()
        return f"{name}: off by up to {off:g}", 0
    relative = RELATIVE_BFLOAT16 if tensor.data_type == BFLOAT16 else RELATIVE
    with numpy.errstate(all="ignore"):
        if numpy.allclose(found, expected, relative, ABSOLUTE, equal_nan=True):
            return "", largest_ulp(found, expected, tensor.data_type)
        error = numpy.nanmax(numpy.abs(found.astype(float) - expected))
    return (f"{name}: off by up to {error:.3g}",
            largest_ulp(found, expected, tensor.data_type))


class Judge:
    """Works in `folder`, one case at a time."""

    def __init__(self, build, folder, level="2", dynamic=False):
        self.build, self.folder = build, folder
        self.level, self.dynamic = level, dynamic
        self.batch = Batch(build / "bin/qopt")
        self.artifact = folder / "case.qar"

    def close(self):
        self.batch.close()

    def compile(self, model):
        return self.batch.compile(model, "-o", self.artifact, "--preset", "fp32",
                                  "-O", self.level, "--target", "native")

    def compile_variant(self, proto):
        path = self.folder / "model.onnx"
        path.write_bytes(proto.SerializeToString())
        return self.compile(path)

    def compile_case(self, case, proto):
        """(exit code, message, the model compiled)"""
        def variant():
            copy = onnx.ModelProto()
            copy.CopyFrom(proto)
            return copy
        if self.dynamic:
            changed = with_dynamic_dimensions(variant())
            code, message = self.compile_variant(changed)
        else:
            changed = proto
            code, message = self.compile(case / "model.onnx")
        if code == UNSUPPORTED and re.search("depends? on the input\\s+data", message):
            changed = with_constant_shapes(variant(), case / "test_data_set_0")
            if self.dynamic:
                changed = with_dynamic_dimensions(changed)
            code, message = self.compile_variant(changed)
        return code, message, changed

    def input(self, path, element):
        """The file, or a copy whose type is the model's: the data's makers
        stored bf16 as uint16."""
        tensor = read_tensor(path)
        if tensor.data_type != onnx.TensorProto.UINT16 or element != BFLOAT16:
            return path
        tensor.data_type = element
        copy = self.folder / path.name
        copy.write_bytes(tensor.SerializeToString())
        return copy

    def run(self, data, proto, constant):
        """(reason or "", ULP) of one data set."""
        arguments = []
        for index, value in enumerate(proto.graph.input):
            path = data / f"input_{index}.pb"
            if value.name not in constant and path.exists():
                path = self.input(path, value.type.tensor_type.elem_type)
                arguments += ["--input", f"{value.name}=@{path}"]
        outputs = [o for o in proto.graph.output]
        for index, output in enumerate(outputs):
            arguments += ["--output", f"{output.name}=@{self.folder / f'{index}.npy'}"]
        result = subprocess.run(
            [str(self.build / "bin/qrun"), str(self.artifact), *arguments],
            capture_output=True, text=True, timeout=TIMEOUT)
        if result.returncode:
            return (f"qrun exit code {result.returncode}: "
                    f"{result.stderr.strip()}").replace(str(self.folder), ""), 0
        worst = 0
        for index, output in enumerate(outputs):
            tensor = read_tensor(data / f"output_{index}.pb")
            if output.type.tensor_type.elem_type == BFLOAT16:
                tensor.data_type = BFLOAT16
            found = numpy.load(self.folder / f"{index}.npy")
            reason, ulp = compare(output.name, found, tensor)
            if reason:
                return reason, ulp
            worst = max(worst, ulp)
        return "", worst

    def judge(self, case):
        proto = onnx.ModelProto()
        proto.ParseFromString((case / "model.onnx").read_bytes())
        result = Result("pass", operators=operators(proto), opset=opset(proto))
        code, message, compiled = self.compile_case(case, proto)
        if code:
            result.verdict = "unsupported" if code == UNSUPPORTED else "fail"
            last = (message.splitlines() or [""])[-1].strip()
            for path in (case / "model.onnx", self.folder / "model.onnx"):
                last = last.replace(f"{path}: ", "").replace(str(path), "model.onnx")
            result.reason = last if code == UNSUPPORTED else \
                f"qopt exit code {code}: {last}"
            return result
        constant = {t.name for t in compiled.graph.initializer}
        sets = sorted(case.glob("test_data_set_*"))
        if compiled.graph.initializer and not proto.graph.initializer:
            sets = sets[:1]  # Those inputs became constants of the model.
        for data in sets:
            reason, ulp = self.run(data, proto, constant)
            result.ulp = max(result.ulp, ulp)
            if reason:
                result.verdict, result.reason = "fail", reason
                break
        return result
