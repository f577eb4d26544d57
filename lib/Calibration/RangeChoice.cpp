// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All methods read the histogram; extremes come from the exact minimum and
// maximum. Searches are grids in a fixed order.
#include "lib/Calibration/RangeChoice.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <algorithm>
#include <cmath>

using namespace qopt::numerics;

namespace qopt {
namespace {

constexpr int pointsPerBin = 4; // A bin is wider than a code near the range's
                                // end, narrower near zero.

QuantParams paramsOf(Range range, const RangeOptions &options) {
  if (options.symmetric)
    return symmetricParams(std::max(-range.low, range.high), options.minCode,
                           options.maxCode);
  return asymmetricParams(range.low, range.high, options.minCode,
                          options.maxCode);
}

Range percentileRange(const ValueStatistics &statistics, double percentile) {
  Range range{statistics.min, statistics.max};
  if (statistics.histogram.empty())
    return {std::min(range.low, 0.0f), std::max(range.high, 0.0f)};
  range.high = std::min(range.high, statistics.histogram.quantile(percentile));
  range.low =
      std::max(range.low, statistics.histogram.quantile(1 - percentile));
  return {std::min(range.low, 0.0f), std::max(range.high, 0.0f)};
}

// Shrinks either side in turn, twice: their errors hardly interact.
Range searchRange(Range full, bool symmetric,
                  llvm::function_ref<double(Range)> cost) {
  Range best = full;
  double bestCost = cost(best);
  auto tryRange = [&](Range candidate) {
    double candidateCost = cost(candidate);
    if (candidateCost < bestCost) {
      bestCost = candidateCost;
      best = candidate;
    }
  };
  if (symmetric) {
    float absmax = std::max(-full.low, full.high);
    for (int percent = 99; percent >= 10; --percent)
      tryRange({-absmax * float(percent) / 100, absmax * float(percent) / 100});
    return best;
  }
  for (int round = 0; round < 2; ++round) {
    for (int percent = 100; percent >= 10; percent -= 2)
      tryRange({best.low, full.high * float(percent) / 100});
    for (int percent = 100; percent >= 10; percent -= 2)
      tryRange({full.low * float(percent) / 100, best.high});
  }
  return best;
}

// Kullback-Leibler divergence of the distribution clipped to `range` from the
// same distribution in codes, both over `fineBins` equal bins of the range.
class EntropyCost {
public:
  EntropyCost(const ValueStatistics &statistics, const RangeOptions &options)
      : statistics(statistics), options(options) {}

  double operator()(Range range) const {
    QuantParams params = paramsOf(range, options);
    int codes = options.maxCode - options.minCode + 1;
    int finePerCode = 8, fineBins = codes * finePerCode;
    float low = float(options.minCode - params.zeroPoint) * params.scale -
                params.scale / 2;
    float width = params.scale / float(finePerCode);
    std::vector<double> p(fineBins, 0), inside(fineBins, 0);
    double total = 0;
    statistics.histogram.forEach([&](float from, float to, uint64_t count) {
      // Zeros are coded exactly whatever the range. Counted, the peak a relu
      // makes of them would buy it resolution at the cost of everything else.
      if (from < 0 && to > 0)
        return;
      for (int i = 0; i < pointsPerBin; ++i) {
        float x = from + (to - from) * (float(i) + 0.5f) / pointsPerBin;
        int bin = int(std::clamp((x - low) / width, -1.0f, float(fineBins)));
        double share = double(count) / pointsPerBin;
        total += share;
        p[std::clamp(bin, 0, fineBins - 1)] += share; // Outliers pile up here,
        if (bin >= 0 && bin < fineBins)
          inside[bin] += share; // but codes cannot tell them apart.
      }
    });
    double divergence = 0;
    for (int code = 0; code < codes; ++code) {
      double sum = 0;
      int occupied = 0;
      for (int i = 0; i < finePerCode; ++i) {
        sum += inside[code * finePerCode + i];
        occupied += p[code * finePerCode + i] > 0;
      }
      for (int i = 0; i < finePerCode; ++i) {
        double expected = p[code * finePerCode + i];
        if (expected <= 0)
          continue;
        double got = std::max(sum / occupied, 1e-9 * total);
        divergence += expected * std::log(expected / got);
      }
    }
    return total ? divergence / total : 0;
  }

private:
  const ValueStatistics &statistics;
  const RangeOptions &options;
};

} // namespace

std::optional<RangeMethod> parseRangeMethod(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<RangeMethod>>(name)
      .Case("minmax", RangeMethod::MinMax)
      .Case("percentile", RangeMethod::Percentile)
      .Case("mse", RangeMethod::MSE)
      .Case("entropy", RangeMethod::Entropy)
      .Default(std::nullopt);
}

llvm::StringRef nameOf(RangeMethod method) {
  switch (method) {
  case RangeMethod::MinMax:
    return "minmax";
  case RangeMethod::Percentile:
    return "percentile";
  case RangeMethod::MSE:
    return "mse";
  case RangeMethod::Entropy:
    return "entropy";
  }
  return "";
}

double quantizationError(const LogHistogram &histogram, QuantParams params,
                         int minCode, int maxCode) {
  double sum = 0, total = 0;
  float reciprocal = 1 / params.scale;
  histogram.forEach([&](float low, float high, uint64_t count) {
    total += double(count);
    // What is binned as zero nearly always is zero.
    if (low < 0 && high > 0)
      return;
    for (int i = 0; i < pointsPerBin; ++i) {
      float x = low + (high - low) * (float(i) + 0.5f) / pointsPerBin;
      int code = quantize(x, reciprocal, params.zeroPoint, minCode, maxCode);
      double error =
          double(dequantize(code, params.scale, params.zeroPoint)) - x;
      sum += double(count) / pointsPerBin * error * error;
    }
  });
  return total ? sum / total : 0;
}

Range chooseRange(const ValueStatistics &statistics,
                  const RangeOptions &options) {
  Range full{std::min(statistics.min, 0.0f), std::max(statistics.max, 0.0f)};
  if (statistics.elements == 0 || full.low == full.high)
    return full;
  switch (options.method) {
  case RangeMethod::MinMax:
    return full;
  case RangeMethod::Percentile:
    return percentileRange(statistics, options.percentile);
  case RangeMethod::MSE:
    return searchRange(full, options.symmetric, [&](Range range) {
      return quantizationError(statistics.histogram, paramsOf(range, options),
                               options.minCode, options.maxCode);
    });
  case RangeMethod::Entropy:
    return searchRange(full, options.symmetric,
                       EntropyCost(statistics, options));
  }
  return full;
}

QuantParams chooseParams(const ValueStatistics &statistics,
                         const RangeOptions &options) {
  return paramsOf(chooseRange(statistics, options), options);
}

} // namespace qopt
