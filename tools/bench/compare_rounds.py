# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Contestants take turns on one model; medians over the rounds, and ratios."""

import dataclasses
import pathlib
import statistics

import numpy as np

import compare_contestants as contestants

RATIOS = {"ours/ort fp32": (["ours fp32"], ["ort fp32"]),
          "ours/ort int8": (["ours int8"], ["ort int8", "ort dynamic"]),
          "ours int8/fp32": (["ours int8"], ["ours fp32"]),
          "ort int8/fp32": (["ort int8", "ort dynamic"], ["ort fp32"])}


@dataclasses.dataclass
class Case:
    """A model, rows to time it on (the first `batch`; None: all there are), data
    to calibrate with, and inputs that we compile as constants."""
    name: str
    model: pathlib.Path
    rows: pathlib.Path
    batch: int | None
    calibration: pathlib.Path
    transformer: bool = False
    kinds: list[str] | None = None
    frozen: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.kinds is None:
            dynamic = ["ort dynamic"] if self.transformer else []
            self.kinds = ["ort fp32", "ort int8", *dynamic, "ours fp32", "ours int8"]


def compare(case, options):
    """{"times": {kind: [ms of each round]}, "failures": {kind: message}}."""
    with np.load(case.rows) as data:
        inputs = {k: data[k] if case.batch is None else
                  np.ascontiguousarray(data[k][:case.batch]) for k in data.files}
    ready, times, failures = {}, {}, {}
    for kind in case.kinds:
        if kind.startswith("ours") and options.skip_ours:
            continue
        try:
            ready[kind] = contestants.prepare(kind, case, inputs, options,
                                              options.cache)
        except contestants.Failed as failure:
            failures[kind] = str(failure)
    for turn in range(options.rounds):
        # A different one begins each round: the first may find caches cold.
        order = list(ready)
        shift = turn % max(1, len(order))
        for kind in order[shift:] + order[:shift]:
            try:
                times.setdefault(kind, []).append(
                    ready[kind].measure(options.seconds))
            except contestants.Failed as failure:
                failures[kind] = str(failure)
                del ready[kind], times[kind]
    return {"times": times, "failures": failures}


def ratios(times):
    """Median over rounds; where several stand on a side, the faster counts."""
    result = {}
    for name, sides in RATIOS.items():
        present = [[times[kind] for kind in side if kind in times]
                   for side in sides]
        if all(present):
            best = [np.min(side, axis=0) for side in present]
            result[name] = statistics.median(best[0] / best[1])
    return result
