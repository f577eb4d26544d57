// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statistics against direct computation, their merging, and range choice.
#include "lib/Calibration/RangeChoice.h"
#include "lib/Calibration/Statistics.h"
#include "test/lib/Calibration/Fixtures.h"
#include <cmath>
#include <random>

using namespace qopt;

namespace {

std::vector<float> normal(size_t size, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(size);
  for (float &value : values)
    value = distribution(random) * scale;
  return values;
}

ValueStatistics statisticsOf(const std::vector<float> &values,
                             std::vector<int64_t> shape) {
  ValueStatistics statistics;
  HostTensor tensor = makeTensor(std::move(shape), values);
  statistics.add(tensor.view());
  return statistics;
}

TEST(LogHistogram, EveryValueLiesInItsBin) {
  for (float value : {1.0f, 1.5f, -3.25f, 1e-20f, 1e20f, 0.0f, -0.0f, 6.0f}) {
    LogHistogram histogram;
    histogram.add(std::vector<float>{value});
    histogram.forEach([&](float low, float high, uint64_t count) {
      EXPECT_EQ(count, 1u);
      if (std::fabs(value) < 1e9f) {
        EXPECT_LE(low, value);
        EXPECT_GE(high, value);
      }
    });
    EXPECT_EQ(histogram.total(), 1u);
  }
}

TEST(LogHistogram, QuantilesAndNonFinite) {
  std::vector<float> values;
  for (int i = 1; i <= 1000; ++i)
    values.push_back(float(i));
  values.push_back(std::nanf(""));
  values.push_back(INFINITY);
  LogHistogram histogram;
  histogram.add(values);
  EXPECT_EQ(histogram.total(), 1000u);
  EXPECT_NEAR(histogram.quantile(0.5), 500, 5);
  EXPECT_NEAR(histogram.quantile(0.99), 990, 9);
}

TEST(Statistics, ShardsMergeToTheWhole) {
  std::vector<float> values = normal(4096, 1);
  ValueStatistics whole = statisticsOf(values, {256, 16});
  ValueStatistics merged;
  for (int shard = 0; shard < 4; ++shard)
    merged.merge(statisticsOf({values.begin() + shard * 1024,
                               values.begin() + (shard + 1) * 1024},
                              {64, 16}));
  EXPECT_EQ(whole.min, merged.min);
  EXPECT_EQ(whole.max, merged.max);
  EXPECT_EQ(whole.histogram, merged.histogram);
  EXPECT_EQ(whole.channelAbsMax, merged.channelAbsMax);
  EXPECT_EQ(whole.elements, merged.elements);
  EXPECT_EQ(whole.rows, 256u);
}

TEST(SecondMoment, EqualsTheDirectSum) {
  std::vector<float> x = normal(50 * 7, 2);
  SecondMoment moment;
  moment.add(x, {5, 10, 7}, {});
  ASSERT_EQ(moment.size(), 7);
  EXPECT_EQ(moment.rows(), 50);
  for (int i = 0; i < 7; ++i)
    for (int j = 0; j < 7; ++j) {
      double sum = 0;
      for (int row = 0; row < 50; ++row)
        sum += double(x[row * 7 + i]) * x[row * 7 + j];
      EXPECT_NEAR(moment.matrix()[i * 7 + j], sum, 1e-4);
    }
  // tr(Dᵀ M D) is the squared norm of X D.
  std::vector<float> d = normal(7 * 3, 3);
  double direct = 0;
  for (int row = 0; row < 50; ++row)
    for (int o = 0; o < 3; ++o) {
      double dot = 0;
      for (int k = 0; k < 7; ++k)
        dot += double(x[row * 7 + k]) * d[k * 3 + o];
      direct += dot * dot;
    }
  EXPECT_NEAR(quadraticError(moment.matrix(), 7, d, 3), direct, direct * 1e-4);
}

TEST(SecondMoment, ShardsMerge) {
  std::vector<float> x = normal(80, 9);
  SecondMoment whole, merged, second;
  whole.add(x, {10, 8}, {});
  merged.add(llvm::ArrayRef(x).take_front(40), {5, 8}, {});
  second.add(llvm::ArrayRef(x).drop_front(40), {5, 8}, {});
  merged.merge(second);
  EXPECT_EQ(merged.rows(), 10);
  for (size_t i = 0; i < 64; ++i)
    EXPECT_NEAR(whole.matrix()[i], merged.matrix()[i], 1e-4);
}

TEST(SecondMoment, PatchesOfAConvolutionArePadded) {
  RowGeometry geometry;
  geometry.isConv = true;
  geometry.kernel = {3, 3};
  geometry.pads = {1, 1, 1, 1};
  SecondMoment moment;
  moment.add(std::vector<float>{1, 2, 3, 4}, {1, 2, 2, 1}, geometry);
  ASSERT_EQ(moment.size(), 9);
  EXPECT_EQ(moment.rows(), 4);
  EXPECT_EQ(moment.matrix()[4 * 9 + 4], 1 + 4 + 9 + 16); // Centre: every pixel.
  EXPECT_EQ(moment.matrix()[0], 1);                      // Corner: pixel 0 once.
}

TEST(SecondMoment, RowsAreCapped) {
  SecondMoment moment(8, 20);
  for (int i = 0; i < 5; ++i)
    moment.add(normal(100, i), {50, 2}, {});
  EXPECT_EQ(moment.rows(), 20);
}

TEST(RangeChoice, MinMaxCoversEverything) {
  ValueStatistics statistics = statisticsOf({-1, 0, 3}, {3});
  Range range = chooseRange(statistics, {RangeMethod::MinMax});
  EXPECT_EQ(range.low, -1);
  EXPECT_EQ(range.high, 3);
  // A range always holds zero.
  EXPECT_EQ(chooseRange(statisticsOf({2, 3}, {2}), {RangeMethod::MinMax}).low, 0);
}

TEST(RangeChoice, OutliersAreClippedByAllOthers) {
  std::vector<float> values = normal(100000, 4);
  values[17] = 300;
  ValueStatistics statistics = statisticsOf(values, {100000});
  auto errorOf = [&](RangeMethod method) {
    return quantizationError(statistics.histogram,
                             chooseParams(statistics, {method}), 0, 255);
  };
  for (RangeMethod method :
       {RangeMethod::Percentile, RangeMethod::Entropy, RangeMethod::MSE}) {
    Range range = chooseRange(statistics, {method});
    EXPECT_LT(range.high, 300) << nameOf(method).str();
    EXPECT_LE(range.low, -2) << nameOf(method).str();
  }
  EXPECT_LE(errorOf(RangeMethod::MSE), errorOf(RangeMethod::MinMax));
}

TEST(RangeChoice, ZerosOfAReluDoNotNarrowTheRange) {
  std::vector<float> values = normal(100000, 7, 2);
  for (float &value : values)
    value = std::max(value, 0.0f);
  ValueStatistics statistics = statisticsOf(values, {100000});
  for (RangeMethod method : {RangeMethod::Percentile, RangeMethod::Entropy,
                             RangeMethod::MSE})
    EXPECT_GT(chooseRange(statistics, {method}).high, 5)
        << nameOf(method).str();
}

TEST(RangeChoice, MseBeatsMinMaxOnNormalDataAtFourBits) {
  ValueStatistics statistics = statisticsOf(normal(100000, 5), {100000});
  auto errorOf = [&](RangeMethod method) {
    RangeOptions options{method, 0.9999, true, -8, 7};
    return quantizationError(statistics.histogram,
                             chooseParams(statistics, options), -8, 7);
  };
  EXPECT_LT(errorOf(RangeMethod::MSE), 0.7 * errorOf(RangeMethod::MinMax));
}

TEST(RangeChoice, PredictedErrorIsTheActualError) {
  std::vector<float> values = normal(50000, 6, 3);
  ValueStatistics statistics = statisticsOf(values, {50000});
  numerics::QuantParams params = chooseParams(statistics, {RangeMethod::MinMax});
  double actual = 0;
  for (float value : values) {
    int code = numerics::quantize<uint8_t>(value, 1 / params.scale,
                                           params.zeroPoint);
    double error =
        double(numerics::dequantize(code, params.scale, params.zeroPoint)) - value;
    actual += error * error;
  }
  actual /= double(values.size());
  EXPECT_NEAR(quantizationError(statistics.histogram, params, 0, 255), actual,
              actual * 0.05);
}

TEST(RangeChoice, ConstantsAndNothing) {
  EXPECT_EQ(chooseParams(statisticsOf({0, 0}, {2}), {}),
            (numerics::QuantParams{1, 0}));
  EXPECT_EQ(chooseParams(ValueStatistics(), {}), (numerics::QuantParams{1, 0}));
  numerics::QuantParams six = chooseParams(
      statisticsOf(std::vector<float>(64, 6), {64}), {RangeMethod::MSE});
  EXPECT_NEAR(numerics::dequantize(
                  numerics::quantize<uint8_t>(6, 1 / six.scale, six.zeroPoint),
                  six.scale, six.zeroPoint),
              6, 0.03);
}

} // namespace
