"""ONNX's own test data judges the importer and the kernels.

Every case of Debian's libonnx-testdata is compiled, run and compared with its
expected outputs. What comes out must be what results-libonnx-testdata.tsv says,
so that a new pass is written down like a new failure; docs/CONFORMANCE.md is made
from that file.

    onnx_node_test.py BUILD [--update] [--filter REGEX]
                            [--optimize 0 | --dynamic | --all]
                            [--data FOLDER --name NAME]

--optimize 0 judges naive code, --dynamic models whose every dimension is a name,
--all both of these and the default. --update writes the chosen cases and modes
into the table and the page. --data takes the cases of another folder, see
tools/scripts/onnx-node-data; their table is results-NAME.tsv.

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

import page
import results
from cases import cases
from judge import Judge, Result, describe

DATA = pathlib.Path("/usr/share/libonnx-testdata/data")


def judge_all(options, mode, folder):
    """(name, Result) of every chosen case, in order, on all processors."""
    excluded = results.excluded(options.name)
    chosen = [c for c in cases(options.data) if re.search(options.filter, c[0])]
    local, judges = threading.local(), []

    def work(named):
        name, case = named
        if name in excluded:
            return describe(case, Result("excluded", excluded[name]))
        if not hasattr(local, "judge"):
            own = folder / f"{mode}-{threading.get_ident()}"
            own.mkdir()
            local.judge = Judge(options.build, own, "0" if mode == "O0" else "2",
                                mode == "dynamic")
            judges.append(local.judge)
        return local.judge.judge(case)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for (name, _), result in zip(chosen, pool.map(work, chosen)):
            yield name, result
    for judge in judges:
        judge.close()


def difference(row, mode, result):
    """How a result is not what the table says, or ""."""
    if row is None:
        return "is not in the table"
    if row.verdicts[mode] != result.verdict:
        return f"was {row.verdicts[mode]}"
    if mode == "O2" and result.verdict == "pass" and result.ulp != row.ulp:
        return f"was off by {row.ulp} units in the last place, now {result.ulp}"
    return ""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--update", action="store_true",
                        help="write what is found into the table and the page")
    parser.add_argument("--filter", default="", help="only cases that match")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--optimize", default="2", choices=["0", "2"])
    modes.add_argument("--dynamic", action="store_true",
                       help="every dimension of every input becomes a name")
    modes.add_argument("--all", action="store_true", help="all three modes")
    parser.add_argument("--data", type=pathlib.Path, default=DATA,
                        help="folder with node/, simple/, ...")
    parser.add_argument("--name", default="libonnx-testdata", help="of the table")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.data != DATA and options.name == "libonnx-testdata":
        parser.error("--data expects a --name for its table")
    options.modes = results.MODES if options.all else \
        ["dynamic"] if options.dynamic else [f"O{options.optimize}"]
    return options


def main():
    options = parse_arguments()
    if not options.data.exists():
        print(f"skipped: {options.data} is not there (libonnx-testdata)")
        return 77
    path = results.HERE / f"results-{options.name}.tsv"
    table, wrong = results.read(path), 0
    for mode in options.modes:
        counts = collections.Counter()
        with tempfile.TemporaryDirectory() as folder:
            for name, result in judge_all(options, mode, pathlib.Path(folder)):
                counts[result.verdict] += 1
                differs = difference(table.get(name), mode, result)
                wrong += bool(differs)
                if differs or options.verbose:
                    print(f"{mode} {result.verdict} {name}: {result.reason} {differs}",
                          flush=True)
                if options.update:
                    table.setdefault(name, results.Row(name)).note(mode, result)
        print(f"{mode}: " + ", ".join(f"{count} {verdict}" for verdict, count
                                      in sorted(counts.items())), flush=True)
    if options.update:
        results.write(path, table)
        page.PAGE.write_text(page.page())
        return 0
    if not options.filter and page.PAGE.read_text() != page.page():
        print("docs/CONFORMANCE.md does not say what the table says; run "
              "test/conformance/page.py")
        wrong += 1
    if wrong:
        print("If that is an improvement, or meant: --update")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
