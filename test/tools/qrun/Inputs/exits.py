"""Runs a command that must end with a certain exit code.

Example: exits.py 3 qrun model.qar --input @wrong.npy

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import subprocess
import sys

found = subprocess.run(sys.argv[2:]).returncode
if found != int(sys.argv[1]):
    sys.exit(f"expected exit code {sys.argv[1]}, found {found}")
