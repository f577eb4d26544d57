#!/usr/bin/env python3
# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Perplexity of SmolLM2 on prose, a window at once and token by token.

Example (in a virtual environment with tools/zoo/requirements.txt and
tools/bench/requirements.txt, after `fetch.py smollm2`):
    perplexity.py --artifact build/zoo/artifacts/smollm2-fp32.qar --windows 4
    perplexity.py --windows 4          ONNX Runtime, on the ONNX model

Token by token each run reads one token and the cache (present.*) that the run
before it wrote; both ways see the same text. Exits with 1 where a token's
log-probability differs by more than --most: the cache must not change what the
model says beyond the rounding of sums. In int8 it may: rows then meet other
scales only where a scale is of the whole tensor, so compare what is printed.
"""

import argparse
import pathlib
import sys
import time

import numpy as np

import libqrt
import runners
from models import smollm2

ROOT = pathlib.Path(__file__).resolve().parents[2]


def at_once(model, window):
    logits = model(smollm2.inputs(window[None]))["logits"][0]
    return smollm2.log_probabilities(logits[:-1], window[1:])


def step_by_step(model, window):
    outputs, result = None, []
    for token, target in zip(window, window[1:]):
        outputs = model(smollm2.inputs(token[None, None], outputs))
        result.append(smollm2.log_probabilities(outputs["logits"][0, 0], target))
    return np.array(result)


def measure(way, model, windows):
    """Log-probabilities [windows, tokens - 1], and milliseconds a token."""
    start = time.perf_counter()
    result = np.stack([way(model, window) for window in windows])
    return result, (time.perf_counter() - start) * 1e3 / windows.size


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--zoo", type=pathlib.Path, default=ROOT / "build/zoo",
                        help="folder of the fetched model")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build",
                        help="folder whose lib/ holds libqrt.so")
    parser.add_argument("--artifact", type=pathlib.Path,
                        help="run this; ONNX Runtime runs the ONNX model otherwise")
    parser.add_argument("--windows", type=int, default=smollm2.TEST_WINDOWS,
                        help=f"how many of {smollm2.TEST_WINDOWS} windows of "
                             f"{smollm2.LENGTH} tokens")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--most", type=float, default=1e-3,
                        help="largest difference of a log-probability "
                             "(default %(default)s)")
    options = parser.parse_args()
    windows = np.load(options.zoo / "smollm2-test.npy")[:options.windows]
    if options.artifact:
        model = libqrt.Model(options.build / "lib/libqrt.so", options.artifact,
                             options.threads)
    else:
        model = runners.Ort(options.zoo / "smollm2.onnx")
    results = []
    for name, way in (("at once", at_once), ("token by token", step_by_step)):
        result, ms = measure(way, model, windows)
        results.append(result)
        print(f"{name + ':':16} perplexity {np.exp(-result.mean()):.4f}, "
              f"{ms:.2f} ms a token", flush=True)
    difference = np.abs(results[0] - results[1]).max()
    print(f"largest difference of a log-probability: {difference:.1e}")
    return not difference <= options.most


if __name__ == "__main__":
    sys.exit(main())
