// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The diagonal between an activation and the weights that read it.
#pragma once
#include <cstdint>
#include <vector>

namespace qopt {

// What is known of the channels of an activation and of the weights
// [channels, outputs] that multiply it.
struct ChannelProfile {
  std::vector<double> absMax, meanSquare;     // Of the activation.
  std::vector<double> weightAbsMax;           // Over all readers' rows.
  std::vector<double> weightSquares;          // Sums over all readers' rows.
  std::vector<std::vector<double>> columns;   // Of each output: |w| by channel.
};

// Predicted mean squared error of the outputs, activations coded in 8 bits with
// a scale for each row, weights in 8 bits with a scale for each output, after
// dividing channel j by factors[j]: a rounding error has variance step^2 / 12.
double predictedError(const ChannelProfile &profile,
                      const std::vector<double> &factors);

struct ChannelFactors {
  std::vector<double> factors; // Geometric mean 1.
  double strength = 0;
  double error = 0, errorBefore = 0;
};

// The best strength of a grid from 0.2 to 0.9.
ChannelFactors chooseFactors(const ChannelProfile &profile);

} // namespace qopt
