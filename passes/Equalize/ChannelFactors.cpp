// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SmoothQuant's family of diagonals and the error that chooses among them.
#include "passes/Equalize/ChannelFactors.h"
#include <algorithm>
#include <cmath>

namespace qopt {
namespace {

std::vector<double> factorsFor(const ChannelProfile &profile, double strength) {
  std::vector<double> factors;
  double logSum = 0;
  for (size_t j = 0; j < profile.absMax.size(); ++j) {
    double x = profile.absMax[j], w = profile.weightAbsMax[j];
    // A channel that is always zero, or never read, needs no factor.
    double factor = x > 0 && w > 0
                        ? std::pow(x, strength) / std::pow(w, 1 - strength)
                        : 1;
    factors.push_back(std::clamp(factor, 1e-4, 1e4));
    logSum += std::log(factors.back());
  }
  double mean = std::exp(logSum / double(std::max<size_t>(factors.size(), 1)));
  for (double &factor : factors)
    factor /= mean;
  return factors;
}

} // namespace

double predictedError(const ChannelProfile &profile,
                      const std::vector<double> &factors) {
  double largest = 0, weightEnergy = 0, activationEnergy = 0;
  for (size_t j = 0; j < factors.size(); ++j) {
    largest = std::max(largest, profile.absMax[j] / factors[j]);
    weightEnergy += profile.weightSquares[j] * factors[j] * factors[j];
    activationEnergy += profile.meanSquare[j] / (factors[j] * factors[j]);
  }
  double weightSteps = 0;
  for (const std::vector<double> &column : profile.columns) {
    double columnMax = 0;
    for (size_t j = 0; j < factors.size(); ++j)
      columnMax = std::max(columnMax, column[j] * factors[j]);
    weightSteps += columnMax * columnMax;
  }
  double unit = 1.0 / (127.0 * 127.0 * 12.0);
  return unit * (largest * largest * weightEnergy +
                 weightSteps * activationEnergy);
}

ChannelFactors chooseFactors(const ChannelProfile &profile) {
  ChannelFactors best;
  best.factors.assign(profile.absMax.size(), 1.0);
  best.error = best.errorBefore = predictedError(profile, best.factors);
  for (int tenths = 2; tenths <= 9; ++tenths) {
    std::vector<double> factors = factorsFor(profile, tenths / 10.0);
    double error = predictedError(profile, factors);
    if (error >= best.error)
      continue;
    best.factors = std::move(factors);
    best.strength = tenths / 10.0;
    best.error = error;
  }
  return best;
}

} // namespace qopt
