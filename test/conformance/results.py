"""What each case does, as a table that people and tests read: one line a case.

    name  opset  operators  O2  O0  dynamic  ULP  reason

O2, O0, dynamic: "pass", "fail", "unsupported", "excluded" or "-" (not run): as
optimized, as naive code, and optimized with every dimension of every input made
symbolic. ULP: the largest error at O2 in units in the last place.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import dataclasses
import pathlib

MODES = ["O2", "O0", "dynamic"]
HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Row:
    name: str
    opset: int = 0
    operators: tuple = ()
    verdicts: dict = dataclasses.field(default_factory=lambda: dict.fromkeys(MODES, "-"))
    ulp: int = 0
    reasons: dict = dataclasses.field(default_factory=dict)  # by mode

    def line(self):
        reasons = "; ".join(f"{m}: {self.reasons[m]}" for m in MODES if m in self.reasons)
        return "\t".join([self.name, str(self.opset), ",".join(self.operators),
                          *(self.verdicts[m] for m in MODES), str(self.ulp), reasons])

    @staticmethod
    def parse(line):
        fields = line.split("\t")
        row = Row(fields[0], int(fields[1]), tuple(filter(None, fields[2].split(","))),
                  dict(zip(MODES, fields[3:6])), int(fields[6]))
        for part in fields[7].split("; ") if fields[7] else []:
            mode, _, reason = part.partition(": ")
            if mode in MODES:
                row.reasons[mode] = reason
        return row

    def note(self, mode, result):
        """Takes in what a run found."""
        self.opset, self.operators = result.opset, tuple(result.operators)
        self.verdicts[mode] = result.verdict
        self.reasons.pop(mode, None)
        if result.reason:
            self.reasons[mode] = " ".join(result.reason.replace(";", ",").split())
        if mode == "O2":
            self.ulp = result.ulp if result.verdict == "pass" else 0


def read(path):
    """Name -> Row."""
    if not path.exists():
        return {}
    rows = [Row.parse(line) for line in path.read_text().splitlines()
            if line and not line.startswith("#")]
    return {row.name: row for row in rows}


def write(path, rows):
    head = "# name\topset\toperators\t" + "\t".join(MODES) + "\tULP\treasons"
    lines = [head] + [rows[name].line() for name in sorted(rows)]
    path.write_text("\n".join(lines) + "\n")


def excluded(data):
    """Name -> why a case is not judged, of the table named `data`."""
    reasons = {}
    for line in (HERE / "excluded.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, reason, *only = line.split("\t")
            if not only or data in only:
                reasons[name] = reason
    return reasons
