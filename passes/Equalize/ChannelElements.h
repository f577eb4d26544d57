// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Group elements: what is done to the channels of a space.
#pragma once
#include "dialects/NN/ChannelAxes.h"
#include <cstdint>
#include <vector>

namespace qopt {

// One element for each block of a space, n channels each. Only the member of
// the kind is used.
struct ChannelElement {
  nn::Groups kind = nn::Groups::None;
  // D: x_c -> factors[c] x_c. n numbers, none of them 0.
  std::vector<std::vector<double>> factors;
  // P: channel c becomes what channel order[c] was. A permutation of n numbers.
  std::vector<std::vector<int64_t>> orders;
  // O: x -> x Q for rows x, Q Q' = I. n * n numbers, row-major.
  std::vector<std::vector<double>> matrices;
};

// Acts on n channels of an activation or of one of its writers (rows, x -> x g),
// or with `inverse` as a reader's inverse transpose does. For P and O both are
// the same.
void actOnChannels(const ChannelElement &element, size_t block, bool inverse,
                   llvm::MutableArrayRef<double> channels);

// x -> x - mean(x).
void removeMean(llvm::MutableArrayRef<double> channels);

} // namespace qopt
