// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which layers stay float so that the network's outputs stay where they are.
#pragma once
#include "passes/Allocate/Sensitivity.h"

namespace qopt {

struct FloatLayers {
  struct Layer {
    size_t index;
    double error; // Of 8 bits in it alone.
  };
  std::vector<Layer> floats;
  double error = 0; // Of 8 bits in all others together.
};

// Takes layers out of those that `quantized` marks, where `open` lets it, until 8
// bits in the rest move the outputs by `limit` or less: those with the largest
// errors of their own, and of these as few as bisection finds to do. With all of
// them out the error may still be larger.
llvm::Expected<FloatLayers> keepNetworkClose(Sensitivity &sensitivity,
                                             const std::vector<bool> &quantized,
                                             const std::vector<bool> &open,
                                             double limit);

} // namespace qopt
