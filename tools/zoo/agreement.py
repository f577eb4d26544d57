# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How alike two results are: text, boxes, tensors."""

import numpy as np


def edit_distance(a, b):
    """Levenshtein's: letters to insert, delete or replace."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1,
                                           diagonal + (letter != other))
    return row[-1]


def box_overlap(a, b):
    """Intersection over union of boxes: left, top, right, bottom."""
    def area(box):
        return max(0, box[2] - box[0]) * max(0, box[3] - box[1])
    shared = area(np.concatenate([np.maximum(a[:2], b[:2]),
                                  np.minimum(a[2:], b[2:])]))
    return shared / (area(a) + area(b) - shared)


def relative_difference(outputs, reference):
    """The largest, over all tensors, of max |a - b| / max |b|."""
    worst = 0.0
    for ours, theirs in zip(outputs, reference, strict=True):
        for name, expected in theirs.items():
            scale = np.abs(expected).max(initial=0)
            difference = np.abs(ours[name].astype(np.float64) - expected).max(initial=0)
            # NaN compares as worst, and nothing else hides it.
            worst = np.fmax(worst, difference / scale if scale else difference) \
                if np.isfinite(difference) else np.inf
    return worst
