// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding weights moves the mean of every output; the bias can take that back
// (Nagel et al., Data-free quantization through weight equalization and bias
// correction).
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Calibration/Statistics.h"

namespace qopt {

// The bias in `biasOperand` (may be null), one number an output, with what `decoded`
// in place of the weight adds to the outputs' means on calibration data taken away.
// Padding counts as the input's mean. The bias as it is where the input's means are
// not known; empty without one.
std::vector<float> correctedBias(const Contraction &contraction,
                                 const mlir::OpOperand *biasOperand,
                                 llvm::ArrayRef<float> decoded,
                                 const Statistics *statistics);

} // namespace qopt
