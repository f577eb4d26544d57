// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In double precision: a constant is rounded once, when all has been done.
#include "passes/Equalize/ChannelElements.h"

using namespace llvm;

namespace qopt {

void actOnChannels(const ChannelElement &element, size_t block, bool inverse,
                   MutableArrayRef<double> channels) {
  size_t n = channels.size();
  std::vector<double> before(channels.begin(), channels.end());
  switch (element.kind) {
  case nn::Groups::Diagonal:
    for (size_t c = 0; c < n; ++c)
      channels[c] = inverse ? before[c] / element.factors[block][c]
                            : before[c] * element.factors[block][c];
    return;
  case nn::Groups::Permutation:
    for (size_t c = 0; c < n; ++c)
      channels[c] = before[element.orders[block][c]];
    return;
  default:
    for (size_t c = 0; c < n; ++c) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i)
        sum += before[i] * element.matrices[block][i * n + c];
      channels[c] = sum;
    }
  }
}

void removeMean(MutableArrayRef<double> channels) {
  double sum = 0;
  for (double x : channels)
    sum += x;
  for (double &x : channels)
    x -= sum / double(channels.size());
}

} // namespace qopt
