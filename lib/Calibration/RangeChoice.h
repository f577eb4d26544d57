// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From statistics to the scale and zero point of a value.
#pragma once
#include "lib/Calibration/Statistics.h"
#include "lib/Numerics/Quantize.h"
#include <optional>

namespace qopt {

enum class RangeMethod : uint8_t {
  MinMax,     // All that was seen.
  Percentile, // Without the outermost (1 - percentile) on either side.
  MSE,        // Least mean squared error, over shrunken ranges.
  Entropy,    // Least Kullback-Leibler divergence of the quantized histogram
              // (Migacz, 8-bit inference with TensorRT).
};

std::optional<RangeMethod> parseRangeMethod(llvm::StringRef name);
llvm::StringRef nameOf(RangeMethod method);

struct RangeOptions {
  RangeMethod method = RangeMethod::MSE;
  double percentile = 0.9999;
  bool symmetric = false;
  int minCode = 0, maxCode = 255;
};

struct Range {
  float low = 0, high = 0;
};

Range chooseRange(const ValueStatistics &statistics,
                  const RangeOptions &options);

numerics::QuantParams chooseParams(const ValueStatistics &statistics,
                                   const RangeOptions &options);

// Mean squared error of quantizing what the histogram holds.
double quantizationError(const LogHistogram &histogram,
                         numerics::QuantParams params, int minCode,
                         int maxCode);

} // namespace qopt
