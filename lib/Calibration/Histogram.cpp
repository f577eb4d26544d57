// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Binning is integer arithmetic on the bits of a float.
#include "lib/Calibration/Histogram.h"
#include <algorithm>
#include <bit>
#include <cmath>

namespace qopt {
namespace {

constexpr int firstKey = (127 - 32) << 7;

int binOf(uint32_t bits) {
  int key = int((bits & 0x7fffffffu) >> 16) - firstKey;
  return std::clamp(key, 0, LogHistogram::binsPerSign - 1);
}

} // namespace

float LogHistogram::lowEdge(int bin) {
  return std::bit_cast<float>(uint32_t(bin + firstKey) << 16);
}

void LogHistogram::add(std::span<const float> values) {
  if (counts.empty())
    counts.assign(2 * binsPerSign, 0);
  for (float value : values) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7f800000u) == 0x7f800000u)
      continue;
    ++counts[size_t(binOf(bits)) + ((bits >> 31) ? 0 : binsPerSign)];
  }
}

void LogHistogram::merge(const LogHistogram &other) {
  if (other.counts.empty())
    return;
  if (counts.empty())
    counts.assign(2 * binsPerSign, 0);
  for (size_t i = 0; i < counts.size(); ++i)
    counts[i] += other.counts[i];
}

uint64_t LogHistogram::total() const {
  uint64_t sum = 0;
  for (uint64_t count : counts)
    sum += count;
  return sum;
}

float LogHistogram::quantile(double share) const {
  uint64_t wanted = uint64_t(std::ceil(share * double(total())));
  uint64_t seen = 0;
  float result = 0;
  bool found = false;
  forEach([&](float, float high, uint64_t count) {
    seen += count;
    if (!found && seen >= wanted) {
      result = high;
      found = true;
    }
  });
  return result;
}

} // namespace qopt
