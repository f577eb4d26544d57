// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nagel et al., Data-Free Quantization (2019), with activations in mind: the
// weights have scales of their own for each channel.
#include "passes/Equalize/LayerFactors.h"
#include <algorithm>
#include <cmath>

namespace qopt {
namespace {

// Of the limit, what a lifted channel reaches on the calibration data.
constexpr double headroom = 0.8;
constexpr double mostFactor = 4096;

std::vector<double> factorsFor(const LayerProfile &profile, double strength) {
  std::vector<double> factors;
  double target = headroom * std::min(profile.limit, profile.bound);
  for (double absMax : profile.absMax) {
    // A channel that was always zero says nothing of its size.
    double full = absMax > 0 ? target / absMax : 1;
    factors.push_back(
        std::clamp(std::pow(std::max(full, 1.0), strength), 1.0, mostFactor));
  }
  return factors;
}

double predictedError(const LayerProfile &profile,
                      const std::vector<double> &factors) {
  double step = profile.limit / 255, error = 0;
  for (const ReaderProfile &reader : profile.readers)
    for (size_t o = 0; o < reader.outputs; ++o) {
      double weightMax = 0, activationNoise = 0, energy = 0;
      for (size_t k = 0; k < reader.taps; ++k)
        for (size_t i = 0; i < reader.inputs; ++i) {
          size_t c = reader.isDepthwise ? o : i;
          double w =
              reader.weight[(o * reader.taps + k) * reader.inputs + i] /
              factors[c];
          weightMax = std::max(weightMax, std::fabs(w));
          activationNoise += w * w;
          energy += profile.meanSquare[c] * factors[c] * factors[c];
        }
      double weightStep = weightMax / 127;
      error += step * step * activationNoise + weightStep * weightStep * energy;
    }
  return error / 12;
}

} // namespace

std::vector<float> chooseLayerFactors(const LayerProfile &profile) {
  std::vector<double> best(profile.absMax.size(), 1.0);
  double before = predictedError(profile, best), least = before;
  for (int quarters = 1; quarters <= 4; ++quarters) {
    std::vector<double> factors = factorsFor(profile, quarters / 4.0);
    double error = predictedError(profile, factors);
    if (error >= least)
      continue;
    least = error;
    best = std::move(factors);
  }
  if (least > 0.98 * before)
    return {};
  return std::vector<float>(best.begin(), best.end());
}

} // namespace qopt
