// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What 8 bits do to a layer, told by its weight alone.
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Calibration/Statistics.h"

namespace qopt {

// The weight in int8, and where the input is coded with one scale, changed so
// that every output varies as much more as rounding the input makes it vary:
// weights get pseudo-random signs of that energy. So the weight can be tried in
// a program that computes in float.
std::vector<float> roundedWeight(const Contraction &contraction,
                                 const Statistics *statistics);

} // namespace qopt
