"""ONNX's own test data judges the importer and the kernels.

Every case of Debian's libonnx-testdata is compiled, run and compared with its
expected outputs. A case must do what the file expected.txt beside this one says:
"pass" or "unsupported" (exit code 4); a case that is not listed must be
unsupported, so that a new pass is noticed and written down.

    onnx_node_test.py BUILD [--update] [--filter REGEX] [--optimize 0|2]
                            [--dynamic] [--data FOLDER]

--dynamic replaces every dimension of every input by a name; --data takes the
cases of another folder, see tools/scripts/onnx-node-data. Neither is compared
with expected.txt.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import sys
import tempfile
import threading

from cases import cases
from judge import Judge

DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
EXPECTED = pathlib.Path(__file__).with_name("expected.txt")


def judge_all(options, folder):
    """(name, Result) of every chosen case, in order, on all processors."""
    chosen = [c for c in cases(options.data) if re.search(options.filter, c[0])]
    local, judges = threading.local(), []

    def work(case):
        if not hasattr(local, "judge"):
            own = folder / str(threading.get_ident())
            own.mkdir()
            local.judge = Judge(options.build, own, options.optimize, options.dynamic)
            judges.append(local.judge)
        return local.judge.judge(case)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for (name, _), result in zip(chosen, pool.map(work, [c for _, c in chosen])):
            yield name, result
    for judge in judges:
        judge.close()


def read_expected():
    expected = {}
    for line in EXPECTED.read_text().split("\n"):
        if line and not line.startswith("#"):
            verdict, name = line.split()
            expected[name] = verdict
    return expected


def write_expected(expected):
    lines = ["# What each case of libonnx-testdata does; cases not listed are",
             "# unsupported, and those that fail have data which contradict their",
             "# model's shapes. Written by onnx_node_test.py --update."]
    lines += [f"{v} {n}" for n, v in sorted(expected.items()) if v != "unsupported"]
    EXPECTED.write_text("\n".join(lines) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--update", action="store_true",
                        help="rewrite the chosen cases of expected.txt")
    parser.add_argument("--filter", default="", help="only cases that match")
    parser.add_argument("--optimize", default="2", choices=["0", "2"])
    parser.add_argument("--dynamic", action="store_true",
                        help="every dimension of every input becomes a name")
    parser.add_argument("--data", type=pathlib.Path, default=DATA,
                        help="folder with node/, simple/, ...")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def main():
    options = parse_arguments()
    if not options.data.exists():
        print(f"skipped: {options.data} is not there (libonnx-testdata)")
        return 77
    judged = options.data == DATA and not options.dynamic
    expected = read_expected()
    counts, wrong = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for name, result in judge_all(options, pathlib.Path(folder)):
            counts[result.verdict] += 1
            differs = judged and result.verdict != expected.get(name, "unsupported")
            wrong += differs
            if differs or options.verbose or (not judged and result.verdict != "pass"):
                print(f"{result.verdict} {name}: {result.reason}", flush=True)
            if options.update:
                expected[name] = result.verdict
    if options.update and judged:
        write_expected(expected)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    return 1 if wrong and not options.update else 0


if __name__ == "__main__":
    sys.exit(main())
