// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statistics are kept along the last axis.
#include "passes/Equalize/SpaceStatistics.h"
#include "lib/Analysis/ValueIds.h"
#include "llvm/ADT/SetVector.h"
#include <algorithm>

using namespace mlir;

namespace qopt {
namespace {

// Factors along the last axis of each value; a value whose last axis is blocked
// (attention's, [heads, positions, channels]) has several for one position.
struct ValueFactors {
  std::vector<float> factors;
  bool isKnown = true;
};

llvm::MapVector<Value, ValueFactors>
factorsByValue(const ChannelSpace &space, const ChannelElement &element) {
  llvm::MapVector<Value, ValueFactors> found;
  for (auto [number, block] : llvm::enumerate(space.blocks))
    for (auto [segment, inverse] : llvm::zip(block.segments, block.inverse)) {
      const ChannelFibers &fibers = *segment.fibers;
      ValueFactors &value = found[fibers.value];
      auto type = cast<RankedTensorType>(fibers.value.getType());
      value.factors.resize(
          type.getShape().back() < 0 ? 0 : type.getShape().back(), 1.0f);
      value.isKnown &= fibers.blockAxes.empty() &&
                       int64_t(fibers.axis) + 1 == type.getRank();
      if (!value.isKnown)
        continue;
      for (int64_t c = 0; c < segment.size(); ++c) {
        double factor = element.factors[number][c];
        value.factors[segment.begin() + c] =
            float(inverse ? 1 / factor : factor);
      }
    }
  return found;
}

void rescale(ValueStatistics &value, ArrayRef<float> factors) {
  float largest = 0, most = 0;
  for (size_t c = 0; c < factors.size(); ++c) {
    value.channelAbsMax[c] *= factors[c];
    value.channelSum[c] *= factors[c];
    value.channelSquares[c] *= double(factors[c]) * factors[c];
    largest = std::max(largest, value.channelAbsMax[c]);
    most = std::max(most, factors[c]);
  }
  value.min = std::max(value.min * most, -largest);
  value.max = std::min(value.max * most, largest);
  value.histogram = LogHistogram();
}

} // namespace

std::vector<Value> valuesOf(const ChannelSpace &space) {
  llvm::SetVector<Value> values;
  for (const ChannelBlock &block : space.blocks)
    for (const ChannelSegment &segment : block.segments)
      values.insert(segment.fibers->value);
  return {values.begin(), values.end()};
}

void rescaleStatistics(Statistics &statistics, const ChannelSpace &space,
                       const ChannelElement &element) {
  for (auto &[value, known] : factorsByValue(space, element)) {
    StringRef id = valueId(value);
    if (id.empty())
      continue;
    auto found = statistics.values.find(id.str());
    if (found != statistics.values.end()) {
      if (known.isKnown &&
          found->second.channelAbsMax.size() == known.factors.size())
        rescale(found->second, known.factors);
      else
        statistics.values.erase(found);
    }
    for (auto moment = statistics.moments.begin();
         moment != statistics.moments.end();) {
      StringRef rest = moment->first;
      // Of a convolution's windows: each channel once a tap, innermost.
      bool isOfValue =
          rest.consume_front(id) && (rest.empty() || rest.starts_with("|k"));
      int64_t size = moment->second.size(), channels = known.factors.size();
      if (!isOfValue) {
        ++moment;
      } else if (!known.isKnown || !channels || size % channels) {
        moment = statistics.moments.erase(moment);
      } else {
        std::vector<float> tiled;
        for (int64_t i = 0; i < size; ++i)
          tiled.push_back(known.factors[i % channels]);
        moment->second.scaleChannels(tiled);
        ++moment;
      }
    }
  }
}

} // namespace qopt
