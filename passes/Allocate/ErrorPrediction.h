// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a format costs one layer.
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Calibration/Statistics.h"

namespace qopt {

// tr(ΔWᵀ M ΔW) / tr(Wᵀ M W), M = XᵀX of the rows the weight meets, ΔW what
// encoding changes. Where M is unknown (no data, grouped convolutions) it is
// diagonal: the mean square of each input channel, or 1. One object serves all
// formats of a weight.
class ErrorPredictor {
public:
  ErrorPredictor(const Contraction &contraction, const Statistics *statistics);
  double errorOf(const numerics::FormatSpec &format) const;
  // The error of a weight already decoded.
  double errorOf(llvm::ArrayRef<float> decoded) const;

private:
  double quadratic(llvm::ArrayRef<float> weightShaped) const;

  const Contraction &contraction;
  const Statistics *statistics;
  std::vector<float> weight;
  const SecondMoment *moment = nullptr;
  std::vector<float> diagonal; // By input channel, without a moment.
  double energy = 0;
};

} // namespace qopt
