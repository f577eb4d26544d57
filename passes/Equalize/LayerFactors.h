// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The diagonal between two layers, an activation of one scale between them.
#pragma once
#include <vector>

namespace qopt {

// What reads an activation: a weight and its axes. Weight (o, k, c) of `outputs`
// x `taps` x `inputs` multiplies channel c; of a depthwise one (inputs = 1)
// channel o.
struct ReaderProfile {
  std::vector<float> weight; // Row-major [outputs, taps, inputs].
  size_t outputs = 0, taps = 0, inputs = 0;
  bool isDepthwise = false;
};

struct LayerProfile {
  std::vector<double> absMax, meanSquare; // Of the activation, by channel.
  double limit = 0;  // The largest value its range codes.
  double bound = 0;  // Of a clip behind the writer; infinite without.
  std::vector<ReaderProfile> readers;
};

// Factors >= 1 that lift quiet channels towards the limit all of them share, of
// the strength with the least predicted error: activations in 8 bits with one
// scale, weights in 8 bits with one for each output. Empty if none lowers it by
// 2 %. A lifted channel stays below `bound`, with headroom for unseen inputs.
std::vector<float> chooseLayerFactors(const LayerProfile &profile);

} // namespace qopt
