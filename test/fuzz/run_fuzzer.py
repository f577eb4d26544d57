#!/usr/bin/python3
"""Runs one fuzzer from its seeds.

    run_fuzzer.py BUILD NAME [--seconds 60] [--keep FOLDER]

Seeds are made here: the models of libonnx-testdata, arrays NumPy writes,
artifacts that the tools write. Inputs that were findings once lie in
regressions/NAME and run first. Exit code 0: no findings; the input of a finding
is left in BUILD/fuzz.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy

HERE = pathlib.Path(__file__).resolve().parent
ONNX_DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
LARGEST_SEED = 8192  # bytes; small inputs run and mutate faster


def onnx_seeds(build, folder):
    for model in ONNX_DATA.glob("*/*/model.onnx"):
        if model.stat().st_size <= LARGEST_SEED:
            shutil.copy(model, folder / f"{model.parent.name}.onnx")


def tensor_seeds(build, folder):
    for dtype in ("f2", "f4", "f8", "i1", "u2", "i4", "i8", "?"):
        numpy.save(folder / f"{dtype.strip('?') or 'bool'}.npy",
                   numpy.arange(6).reshape(2, 3).astype(dtype))
    arrays = {"x": numpy.arange(6.0), "y": numpy.zeros((2, 3), "i8")}
    numpy.savez(folder / "stored.npz", **arrays)
    numpy.savez_compressed(folder / "deflated.npz", **arrays)
    for data in list(ONNX_DATA.glob("node/*/test_data_set_0/*.pb"))[::20]:
        if data.stat().st_size <= LARGEST_SEED:
            shutil.copy(data, folder / f"{data.parent.parent.name}-{data.name}")


def artifact_seeds(build, folder):
    if not (build / "bin/qopt").exists():
        return  # A build of the runtime alone.
    for case in ("test_add", "test_conv_with_strides_padding",
                 "test_maxpool_2d_default", "test_resize_upsample_sizes_nearest",
                 "test_softmax_default_axis", "test_nonzero_example", "test_loop11"):
        model = ONNX_DATA / "node" / case / "model.onnx"
        for level in ("0", "2"):
            subprocess.run([build / "bin/qopt", "compile", model, "-o",
                            folder / f"{case}{level}.qar", "-O", level, "--target",
                            "x86-64-v3"], stderr=subprocess.DEVNULL)
    dynamic = build / "bin/make-test-artifact"
    if dynamic.exists():
        subprocess.run([dynamic, folder / "test.qar"], check=True)


SEEDS = {"fuzz-onnx": onnx_seeds, "fuzz-tensor-files": tensor_seeds,
         "fuzz-artifact": artifact_seeds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("name", choices=SEEDS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1,
                        help="of the mutations; 0: another one every time")
    parser.add_argument("--keep", type=pathlib.Path,
                        help="a corpus to go on from and to add to")
    options = parser.parse_args()
    findings = options.build / "fuzz"
    findings.mkdir(exist_ok=True)
    # Leaks are not what this looks for: a context frees its memory at once.
    environment = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1",
                       UBSAN_OPTIONS="print_stacktrace=1")
    with tempfile.TemporaryDirectory() as temporary:
        seeds = pathlib.Path(temporary) / "seeds"
        seeds.mkdir()
        SEEDS[options.name](options.build, seeds)
        corpus = options.keep or pathlib.Path(temporary) / "corpus"
        corpus.mkdir(exist_ok=True)
        fuzzer = options.build / "bin" / options.name
        common = [f"-artifact_prefix={findings}/{options.name}-", "-timeout=10",
                  "-rss_limit_mb=2048", "-print_final_stats=1"]
        regressions = sorted((HERE / "regressions" / options.name).glob("*"))
        commands = [[f"-max_total_time={options.seconds}", "-max_len=65536",
                     f"-seed={options.seed}",
                     corpus, seeds]]
        if regressions:
            commands.insert(0, regressions)
        for arguments in commands:
            result = subprocess.run([fuzzer, *common, *arguments], env=environment,
                                    capture_output=True, text=True, errors="replace")
            if result.returncode:
                print(result.stderr[-6000:])
                print(f"{options.name}: a finding; its input is in {findings}")
                return 1
    runs = re.search(r"number_of_executed_units: (\d+)", result.stderr)
    cover = re.findall(r"cov: (\d+)", result.stderr)
    print(f"{options.name}: {options.seconds} s, {runs[1] if runs else '?'} runs, "
          f"{cover[-1] if cover else '?'} edges, no findings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
