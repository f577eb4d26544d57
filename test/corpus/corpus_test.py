"""Every case of the corpus: qopt check and qopt compile say what is wrong, end
with the expected code, soon and in little memory, and leave nothing behind.

    corpus_test.py BUILD [--filter REGEX]

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from make_corpus import make_corpus

SECONDS = 1.0          # of processor time: other tests may run beside
UNSUPPORTED, NO_SUCH_OP = 4, "this op is not supported"
BYTES = 160 * 2 ** 20  # resident, and twice the file beyond


def run(command):
    """(exit code, stderr, processor seconds, peak resident bytes)"""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, errors="replace")
    text = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    return (process.returncode, text, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024)


def problems_of(case, folder, build):
    model = folder / case["name"] / "model.onnx"
    artifact = folder / case["name"] / "out.qar"
    limit = BYTES + 2 * model.stat().st_size
    problems, message = [], ""
    for command in (["compile", model, "-o", artifact, "--preset", "fp32"],
                    ["check", model]):
        code, text, seconds, resident = run([build / "bin/qopt", *command])
        text = text.replace(str(folder / case["name"]), "")
        if code == UNSUPPORTED != case["code"] and NO_SUCH_OP in text:
            return [], text  # Flaws of ops we do not have cannot be found.
        if code != case["code"]:
            problems.append(f"{command[0]}: exit code {code}, expected {case['code']}")
        # check prints what is unsupported on standard output.
        message = message or text
        if case["message"] not in message:
            problems.append(f"'{case['message']}' is not in the message")
        if seconds > SECONDS:
            problems.append(f"{command[0]}: took {seconds:.2f} s")
        if resident > limit:
            problems.append(f"{command[0]}: took {resident >> 20} MiB")
    if artifact.exists():
        problems.append("an artifact was left behind")
    return problems, message


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        index = [c for c in make_corpus(folder) if re.search(options.filter, c["name"])]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda c: problems_of(c, folder, options.build), index)
            for case, (problems, text) in zip(index, results):
                wrong += bool(problems)
                if problems or options.verbose:
                    print(f"{case['name']}: {'; '.join(problems)}\n    "
                          f"{text.strip()[-400:]}", flush=True)
    print(f"{len(index) - wrong} of {len(index)} malformed models are refused as they "
          "should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
