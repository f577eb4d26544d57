"""Every malformed model: qopt says what is wrong and ends with the right code.

    malformed_test.py BUILD

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1]) / "bin"
wrong = count = 0
with tempfile.TemporaryDirectory() as folder:
    table = subprocess.run([build / "malformed-models", folder], check=True,
                           capture_output=True, text=True).stdout
    for line in table.splitlines():
        model, code, *words = line.split("\t")
        artifact = pathlib.Path(folder) / "out.qar"
        result = subprocess.run(
            [build / "qopt", "compile", model, "-o", artifact, "--preset", "fp32"],
            capture_output=True, text=True)
        problems = [f"'{w}' is not in the message" for w in words if w not in result.stderr]
        if result.returncode != int(code):
            problems.append(f"exit code {result.returncode}, expected {code}")
        if artifact.exists():
            problems.append("an artifact was left behind")
        count += 1
        if problems:
            wrong += 1
            print(f"{model}: {'; '.join(problems)}\n{result.stderr}")
print(f"{count - wrong} of {count} malformed models refused as they should be")
sys.exit(1 if wrong else 0)
