"""ONNX's own test data judges the importer and the kernels.

Every case of Debian's libonnx-testdata is compiled, run and compared with its
expected outputs. A case must do what the file expected.txt beside this one says:
"pass" or "unsupported" (exit code 4); a case that is not listed must be
unsupported, so that a new pass is noticed and written down.

    onnx_node_test.py BUILD [--update] [--filter REGEX] [--optimize 0|2]

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import numpy_helper

DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
FOLDERS = ["node", "pytorch-converted", "pytorch-operator", "simple"]
EXPECTED = pathlib.Path(__file__).with_name("expected.txt")
UNSUPPORTED = 4
# Kernels compute in f32 with polynomials good to a few units in the last place;
# the references were computed by NumPy, partly in f64.
RELATIVE, ABSOLUTE = 1e-3, 1e-5


def cases():
    for folder in FOLDERS:
        for case in sorted((DATA / folder).iterdir()):
            if (case / "model.onnx").exists():
                yield f"{folder}/{case.name}", case


def read_tensor(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return tensor


def with_constant_shapes(model, data):
    """Makes initializers of small integer inputs after the first: shapes, axes
    and the like, which a compiler wants to know."""
    names = [i.name for i in model.graph.input]
    for index, name in enumerate(names):
        path = data / f"input_{index}.pb"
        if index == 0 and len(names) > 1 or not path.exists():
            continue
        tensor = read_tensor(path)
        tensor.name = name
        if numpy_helper.to_array(tensor).size <= 64:
            model.graph.initializer.append(tensor)
    constant = {t.name for t in model.graph.initializer}
    kept = [i for i in model.graph.input if i.name not in constant]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model


class Runner:
    def __init__(self, build, level, folder):
        self.build, self.level, self.folder = build, level, pathlib.Path(folder)

    def tool(self, name, *arguments):
        command = [str(self.build / "bin" / name), *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        return result.returncode, result.stderr.strip()

    def compile(self, model):
        return self.tool("qopt", "compile", model, "-o", self.folder / "case.qar",
                         "--preset", "fp32", "-O", self.level)

    def input(self, path, element):
        """The file, or a copy whose type is the model's: the data's makers
        stored bf16 as uint16."""
        tensor = read_tensor(path)
        if tensor.data_type != onnx.TensorProto.UINT16 or \
                element != onnx.TensorProto.BFLOAT16:
            return path
        tensor.data_type = element
        copy = self.folder / path.name
        copy.write_bytes(tensor.SerializeToString())
        return copy

    def judge(self, case):
        """"pass", "unsupported", or "fail" with a reason."""
        data = case / "test_data_set_0"
        model = case / "model.onnx"
        original = onnx.load(model)
        names = [i.name for i in original.graph.input]
        code, message = self.compile(model)
        if code == UNSUPPORTED and "depends on the input data" in message:
            model = self.folder / "constant.onnx"
            changed = with_constant_shapes(original, data)
            onnx.save(changed, str(model))
            code, message = self.compile(model)
        if code == UNSUPPORTED:
            return "unsupported", message
        if code:
            return "fail", f"qopt exit code {code}: {message}"
        constant = {t.name for t in onnx.load(str(model)).graph.initializer}
        arguments = []
        for index, value in enumerate(original.graph.input):
            if value.name not in constant:
                path = self.input(data / f"input_{index}.pb",
                                  value.type.tensor_type.elem_type)
                arguments += ["--input", f"{value.name}=@{path}"]
        outputs = [o.name for o in original.graph.output]
        for index, name in enumerate(outputs):
            arguments += ["--output", f"{name}=@{self.folder / f'{index}.npy'}"]
        code, message = self.tool("qrun", self.folder / "case.qar", *arguments)
        if code:
            return "fail", f"qrun exit code {code}: {message}"
        for index, name in enumerate(outputs):
            expected = numpy_helper.to_array(read_tensor(data / f"output_{index}.pb"))
            found = numpy.load(self.folder / f"{index}.npy")
            if found.dtype == "V2":  # bf16, which NumPy does not know.
                found = found.view(numpy.uint16)
            if expected.shape != found.shape or expected.dtype != found.dtype:
                return "fail", (f"{name}: expected {expected.dtype}{expected.shape}, "
                                f"found {found.dtype}{found.shape}")
            if not numpy.allclose(found, expected, RELATIVE, ABSOLUTE, equal_nan=True):
                error = numpy.max(numpy.abs(found.astype(float) - expected))
                return "fail", f"{name}: off by up to {error}"
        return "pass", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="rewrite expected.txt")
    parser.add_argument("--filter", default="", help="only cases that match")
    parser.add_argument("--optimize", default="2", choices=["0", "2"])
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if not DATA.exists():
        print("skipped: libonnx-testdata is not installed")
        return 77

    expected = {}
    if EXPECTED.exists():
        for line in EXPECTED.read_text().split("\n"):
            if line and not line.startswith("#"):
                verdict, name = line.split()
                expected[name] = verdict
    counts, wrong, found = collections.Counter(), 0, {}
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(options.build, options.optimize, folder)
        for name, case in cases():
            if not re.search(options.filter, name):
                continue
            verdict, reason = runner.judge(case)
            found[name] = verdict
            counts[verdict] += 1
            if verdict != expected.get(name, "unsupported") or options.verbose:
                wrong += verdict != expected.get(name, "unsupported")
                print(f"{verdict} {name}: {reason.splitlines()[-1] if reason else ''}",
                      flush=True)
    if options.update:
        lines = ["# What each case of libonnx-testdata does; cases not listed are",
                 "# unsupported, and those that fail have data which contradict their",
                 "# model's shapes. Written by onnx_node_test.py --update."]
        lines += [f"{v} {n}" for n, v in sorted(found.items()) if v != "unsupported"]
        EXPECTED.write_text("\n".join(lines) + "\n")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    return 1 if wrong and not options.update else 0


if __name__ == "__main__":
    sys.exit(main())
