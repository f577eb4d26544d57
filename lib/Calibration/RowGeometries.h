// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows a contraction multiplies with its weight, for second moments.
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Calibration/SecondMoment.h"

namespace qopt {

// Nothing for grouped convolutions, whose outputs do not share rows, and for
// rows longer than `widest` (their matrix would not pay).
std::optional<RowGeometry> rowGeometryOf(const Contraction &contraction,
                                         int64_t widest = 4608);

} // namespace qopt
