// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass for extremes and channels, one for the histogram.
#include "lib/Calibration/Statistics.h"
#include <algorithm>
#include <cmath>

namespace qopt {

void ValueStatistics::add(const TensorView &value) {
  llvm::ArrayRef<float> data = value.as<float>();
  size_t channels = value.shape.empty() ? 1 : size_t(value.shape.back());
  if (data.empty())
    return;
  if (channelAbsMax.empty()) {
    channelAbsMax.assign(channels, 0);
    channelSum.assign(channels, 0);
    channelSquares.assign(channels, 0);
  }
  // A last axis that changes from run to run (a dynamic one) has no channels.
  bool perChannel = channelAbsMax.size() == channels;
  for (size_t row = 0; row < data.size(); row += channels)
    for (size_t c = 0; c < channels; ++c) {
      float x = data[row + c];
      if (!std::isfinite(x)) {
        ++nonFinite;
        continue;
      }
      min = elements ? std::min(min, x) : x;
      max = elements ? std::max(max, x) : x;
      ++elements;
      if (!perChannel)
        continue;
      channelAbsMax[c] = std::max(channelAbsMax[c], std::fabs(x));
      channelSum[c] += x;
      channelSquares[c] += double(x) * x;
    }
  rows += perChannel ? data.size() / channels : 0;
  histogram.add({data.data(), data.size()});
}

void ValueStatistics::merge(const ValueStatistics &other) {
  if (other.elements) {
    min = elements ? std::min(min, other.min) : other.min;
    max = elements ? std::max(max, other.max) : other.max;
  }
  elements += other.elements;
  nonFinite += other.nonFinite;
  histogram.merge(other.histogram);
  if (channelAbsMax.empty()) {
    channelAbsMax.assign(other.channelAbsMax.size(), 0);
    channelSum.assign(other.channelAbsMax.size(), 0);
    channelSquares.assign(other.channelAbsMax.size(), 0);
  }
  if (channelAbsMax.size() != other.channelAbsMax.size())
    return;
  rows += other.rows;
  for (size_t c = 0; c < channelAbsMax.size(); ++c) {
    channelAbsMax[c] = std::max(channelAbsMax[c], other.channelAbsMax[c]);
    channelSum[c] += other.channelSum[c];
    channelSquares[c] += other.channelSquares[c];
  }
}

double ValueStatistics::meanSquare() const {
  double sum = 0;
  for (double squares : channelSquares)
    sum += squares;
  return elements ? sum / double(elements) : 0;
}

void Statistics::merge(const Statistics &other) {
  for (const auto &[id, value] : other.values)
    values[id].merge(value);
  for (const auto &[key, moment] : other.moments)
    moments[key].merge(moment);
}

const ValueStatistics *Statistics::find(llvm::StringRef id) const {
  auto found = values.find(id.str());
  return found == values.end() ? nullptr : &found->second;
}

const SecondMoment *
Statistics::findMoment(llvm::StringRef id, const RowGeometry &geometry) const {
  auto found = moments.find(momentKey(id, geometry));
  return found == moments.end() ? nullptr : &found->second;
}

} // namespace qopt
