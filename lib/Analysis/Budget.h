// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What quantization may cost (--budget).
#pragma once
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>

namespace qopt {

struct Budget {
  // Of the constants the artifact stores: encoded weights with their scales, and
  // whatever stays float.
  std::optional<int64_t> bytes;
  // Of the outputs on calibration data, each over its energy: squared distance
  // from those of the float network; 0.01 is 20 dB or 10 %.
  std::optional<double> error;
};

// "size=200KiB,error=26dB" in any order. Sizes in B, KiB, MiB, GiB, or KB, MB, GB
// as powers of ten; errors in dB or %. Nothing in an empty text.
llvm::Expected<Budget> parseBudget(llvm::StringRef text);

} // namespace qopt
