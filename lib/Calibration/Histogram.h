// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A histogram with logarithmic bins and exact counts. Bins are fixed (128 an
// octave, from 2^-32 to 2^32, either sign), so histograms of different shards
// add up to the same counts whatever the order, and no range is needed before
// the data.
//
//   bin of |x| = (bits(x) >> 16) - (95 << 7): exponent and 7 mantissa bits
//   e.g. 1.0 -> 4096 (of 8192), 1.5 -> 4160; below 2^-32 -> 0, above -> 8191
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace qopt {

class LogHistogram {
public:
  static constexpr int binsPerSign = 64 * 128;

  // NaN and infinities are not counted.
  void add(std::span<const float> values);
  void merge(const LogHistogram &other);

  uint64_t total() const;
  bool empty() const { return counts.empty(); }

  // Calls visit(low, high, count) for every bin that is not empty, by value
  // ascending. low < high; the bin of the smallest magnitudes is [-2^-32, 2^-32]
  // and reported once.
  template <typename Visit> void forEach(Visit visit) const;

  // The smallest bin edge that has at least `share` of all values at or below.
  float quantile(double share) const;

  bool operator==(const LogHistogram &) const = default;

  // Edges of magnitude bin `bin`.
  static float lowEdge(int bin);
  static float highEdge(int bin) { return lowEdge(bin + 1); }

private:
  // Negative magnitudes, then positive; empty before the first value.
  std::vector<uint64_t> counts;
};

template <typename Visit> void LogHistogram::forEach(Visit visit) const {
  if (counts.empty())
    return;
  for (int bin = binsPerSign - 1; bin > 0; --bin)
    if (counts[bin])
      visit(-highEdge(bin), -lowEdge(bin), counts[bin]);
  if (uint64_t zeros = counts[0] + counts[binsPerSign])
    visit(-highEdge(0), highEdge(0), zeros);
  for (int bin = 1; bin < binsPerSign; ++bin)
    if (counts[binsPerSign + bin])
      visit(lowEdge(bin), highEdge(bin), counts[binsPerSign + bin]);
}

} // namespace qopt
