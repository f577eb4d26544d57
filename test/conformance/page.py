"""docs/CONFORMANCE.md from the tables of results.

    page.py [--check]

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import collections
import pathlib
import sys

import results
from results import HERE, MODES

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/CONFORMANCE.md"
HEAD = """<!-- Written by test/conformance/page.py; `onnx_node_test.py --update` renews it. -->

# Conformance

Every case of ONNX's own backend tests: a model, its inputs and the outputs the
standard expects. A case passes when `qopt compile` takes the model and `qrun`
computes the expected outputs: integers and booleans exactly, floats within a
relative 1e-3 or an absolute 1e-5 (bf16: two units in the last place, as in ONNX's own runner).

**O2** is optimized code, **O0** naive code, **dynamic** optimized code of the same
model with every dimension of every input made symbolic and all other shapes
dropped. **ULP** is the largest error of a passing case at O2 in units in the last
place of the output's type: polynomials and the order of sums, and where a result
is near zero, cancellation. Cases of strings, sequences, optional values, random
output or data that contradict their model are excluded, each named with its reason.
"""


def escape(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def summary(rows):
    lines = ["| | O2 | O0 | dynamic |", "|---|---|---|---|"]
    for verdict in ("pass", "unsupported", "fail", "excluded"):
        counts = [sum(r.verdicts[m] == verdict for r in rows.values()) for m in MODES]
        lines.append(f"| {verdict} | " + " | ".join(map(str, counts)) + " |")
    ratios = []
    for mode in MODES:
        judged = [r for r in rows.values() if r.verdicts[mode] not in ("excluded", "-")]
        passed = sum(r.verdicts[mode] == "pass" for r in judged)
        ratios.append(f"{100 * passed / len(judged):.1f} %" if judged else "not run")
    lines.append("| passing of those judged | " + " | ".join(ratios) + " |")
    return lines


def operator_table(rows):
    """A row per operator: of the judged cases whose model holds it, how many pass."""
    of = collections.defaultdict(list)
    for row in rows.values():
        if row.verdicts["O2"] not in ("excluded", "-"):
            for operator in row.operators:
                of[operator].append(row)
    lines = ["| operator | O2 | O0 | dynamic | opsets | ULP |", "|---|---|---|---|---|---|"]
    for operator in sorted(of):
        cases = of[operator]
        counts = [f"{sum(r.verdicts[m] == 'pass' for r in cases)}/{len(cases)}"
                  if any(r.verdicts[m] != "-" for r in cases) else "" for m in MODES]
        opsets = sorted({r.opset for r in cases})
        span = f"{opsets[0]}-{opsets[-1]}" if len(opsets) > 1 else str(opsets[0])
        lines.append(f"| {operator} | {' | '.join(counts)} | {span} | "
                     f"{max(r.ulp for r in cases)} |")
    return lines


def case_table(rows):
    lines = ["| case | opset | O2 | O0 | dynamic | ULP | reason |",
             "|---|---|---|---|---|---|---|"]
    for name in sorted(rows):
        row = rows[name]
        reasons = []
        for mode in MODES:
            reason = row.reasons.get(mode, "")
            if reason and reason not in reasons:
                reasons.append(reason)
        verdicts = " | ".join(row.verdicts[m].replace("-", "") for m in MODES)
        lines.append(f"| {name} | {row.opset} | {verdicts} | {row.ulp} | "
                     f"{escape('; '.join(reasons))} |")
    return lines


def page():
    text = [HEAD]
    for path in sorted(HERE.glob("results-*.tsv")):
        rows = results.read(path)
        source = path.stem.removeprefix("results-")
        text += [f"## {source}", "", *summary(rows), "", "### Operators", "",
                 *operator_table(rows), "", "### Cases", "", *case_table(rows), ""]
    return "\n".join(text)


def main():
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        print("docs/CONFORMANCE.md does not say what the results say; run "
              "test/conformance/page.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
