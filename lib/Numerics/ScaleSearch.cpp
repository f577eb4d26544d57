// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Candidates in a fixed order; a later one must be strictly better.
#include "lib/Numerics/ScaleSearch.h"

namespace qopt::numerics {
namespace {

struct Extremes {
  float low = 0, high = 0; // Zero is always inside.
  float absmax() const { return std::max(-low, high); }
  float signedMax() const { return -low > high ? low : high; }
};

Extremes extremesOf(std::span<const float> values) {
  Extremes extremes;
  for (float value : values) {
    if (!std::isfinite(value))
      continue;
    extremes.low = std::min(extremes.low, value);
    extremes.high = std::max(extremes.high, value);
  }
  return extremes;
}

} // namespace

ScaleSearch::ScaleSearch(const FormatSpec &spec, ScaleRule rule)
    : spec(spec), rule(rule), codec(spec.element) {}

QuantParams ScaleSearch::stored(float scale, int zeroPoint) const {
  // The smallest scale keeps 1 / scale finite.
  float smallest = std::numeric_limits<float>::min();
  if (spec.scale == ScaleType::F16) {
    scale = roundToHalf(std::clamp(scale, -65504.0f, 65504.0f));
    smallest = 0x1p-24f;
  }
  if (!(std::fabs(scale) >= smallest) || std::isinf(scale))
    scale = 1.0f;
  return {scale, zeroPoint};
}

QuantParams ScaleSearch::asymmetric(float low, float high) const {
  int minCode = spec.element.minCode(), maxCode = spec.element.maxCode();
  float scale = stored((high - low) / float(maxCode - minCode), 0).scale;
  float zero = roundEven(float(minCode) - low / scale);
  return {scale, int(std::clamp(zero, float(minCode), float(maxCode)))};
}

double ScaleSearch::error(std::span<const float> values,
                          std::span<const float> weights,
                          QuantParams params) const {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    uint8_t code = codec.encode(values[i] / params.scale, params.zeroPoint);
    double difference =
        double(codec.decode(code, params.zeroPoint) * params.scale) - values[i];
    sum += (weights.empty() ? 1.0 : double(weights[i])) * difference *
           difference;
  }
  return sum;
}

QuantParams ScaleSearch::find(std::span<const float> values,
                              std::span<const float> weights) const {
  Extremes extremes = extremesOf(values);
  float limit = spec.element.symmetricLimit();
  std::vector<QuantParams> candidates;
  auto addFor = [&](float share) {
    if (spec.zeroPoint) {
      candidates.push_back(
          asymmetric(extremes.low * share, extremes.high * share));
      return;
    }
    if (spec.element.kind == ElementFormat::Kind::UInt) {
      // Without a zero point negative values cannot be coded.
      candidates.push_back(
          stored(extremes.high * share / float(spec.element.maxCode()), 0));
      return;
    }
    candidates.push_back(stored(extremes.absmax() * share / limit, 0));
    if (rule != ScaleRule::AbsMax && spec.element.isSigned())
      candidates.push_back(stored(
          extremes.signedMax() * share / float(spec.element.minCode()), 0));
  };
  addFor(1.0f);
  if (rule == ScaleRule::MinError)
    for (int percent = 96; percent >= 60; percent -= 4)
      addFor(float(percent) / 100.0f);

  QuantParams best = candidates.front();
  if (candidates.size() == 1)
    return best;
  double bestError = error(values, weights, best);
  for (const QuantParams &candidate : std::span(candidates).subspan(1)) {
    double candidateError = error(values, weights, candidate);
    if (candidateError < bestError) {
      best = candidate;
      bestError = candidateError;
    }
  }
  return best;
}

} // namespace qopt::numerics
