// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Single values against an independent reference in double.
#include "lib/Numerics/Quantize.h"
#include <gtest/gtest.h>
#include <random>

using namespace qopt::numerics;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Every f16 value, then f32 patterns spread over all exponents.
template <typename Visit> void forSampledFloats(Visit visit) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    visit(fromHalf(uint16_t(bits)));
  for (uint64_t bits = 0; bits < 0x100000000ull; bits += 65521)
    visit(std::bit_cast<float>(uint32_t(bits)));
}

TEST(RoundEven, EqualsNearbyint) {
  forSampledFloats([](float value) {
    float expected = std::nearbyint(value), got = roundEven(value);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(got));
    else
      EXPECT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected))
          << value;
  });
  EXPECT_EQ(roundEven(0.5f), 0);
  EXPECT_EQ(roundEven(1.5f), 2);
  EXPECT_EQ(roundEven(-2.5f), -2);
  EXPECT_EQ(roundEven(4194303.5f), 4194304);
}

// Rounds first and clamps last, in double, as the formula reads.
int referenceQuantize(float value, float reciprocal, int zero, int low,
                      int high) {
  float scaled = value * reciprocal;
  if (std::isnan(scaled))
    return zero;
  return int(std::clamp(std::nearbyint(double(scaled)) + zero, double(low),
                        double(high)));
}

TEST(Quantize, EqualsTheFormulaForEverySample) {
  for (float scale : {1.0f, 0.0123f, 3.7f, 1e-20f, 1e20f})
    for (int zero : {0, 3, 128, 255})
      forSampledFloats([&](float value) {
        ASSERT_EQ(quantize<uint8_t>(value, 1 / scale, zero),
                  referenceQuantize(value, 1 / scale, zero, 0, 255))
            << value << " scale " << scale << " zero " << zero;
      });
  for (float scale : {1.0f, 0.0123f})
    forSampledFloats([&](float value) {
      ASSERT_EQ(quantize<int8_t>(value, 1 / scale, -3),
                referenceQuantize(value, 1 / scale, -3, -128, 127));
    });
}

TEST(Quantize, SpecialValues) {
  EXPECT_EQ(quantize<uint8_t>(nan, 1, 77), 77);
  EXPECT_EQ(quantize<int8_t>(nan, 1, -7), -7);
  EXPECT_EQ(quantize<uint8_t>(infinity, 1, 77), 255);
  EXPECT_EQ(quantize<uint8_t>(-infinity, 1, 77), 0);
  EXPECT_EQ(quantize<int8_t>(1e30f, 1e30f, 0), 127);
}

TEST(Quantize, DividingDiffersFromReciprocalOnlyAtTies) {
  // 0.5 / 0.1 rounds to 5, and so does 0.5 * (1 / 0.1).
  EXPECT_EQ(quantizeDividing<int8_t>(0.5f, 0.1f, 0), 5);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> values(-10, 10);
  for (int i = 0; i < 100000; ++i) {
    float value = values(random), scale = std::fabs(values(random)) + 1e-3f;
    EXPECT_LE(std::abs(quantizeDividing<int8_t>(value, scale, 0) -
                       quantize<int8_t>(value, 1 / scale, 0)),
              1);
  }
}

TEST(Quantize, CodesSurviveDequantize) {
  for (float scale : {0.5f, 0.1f, 0.003f, 123.f})
    for (int zero : {0, 17, 255})
      for (int code = 0; code < 256; ++code)
        EXPECT_EQ(quantize<uint8_t>(dequantize(code, scale, zero), 1 / scale,
                                    zero),
                  code);
}

TEST(Requantize, EqualsTheFormula) {
  std::mt19937 random(2);
  for (int i = 0; i < 1000000; ++i) {
    int32_t accumulator = int32_t(random()) >> (random() % 32);
    float multiplier = std::ldexp(float(random() % 0xffffff), -40);
    ASSERT_EQ(requantize(accumulator, multiplier, 100, 0, 255),
              referenceQuantize(float(accumulator), multiplier, 100, 0, 255));
  }
  EXPECT_EQ(requantize(INT32_MIN, 1.0f, 128, 0, 255), 0);
  EXPECT_EQ(requantize(INT32_MAX, 1.0f, 128, 0, 255), 255);
  EXPECT_EQ(requantize(5, 0.5f, 0, 0, 255), 2);  // 2.5 to even
  EXPECT_EQ(requantize(7, 0.5f, 0, 3, 255), 4);  // 3.5 to even
  EXPECT_EQ(requantize(1, 0.5f, 10, 12, 255), 12); // The range of a clip.
}

TEST(AsymmetricParams, CoverTheRangeAndHoldZeroExactly) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 10000; ++i) {
    float a = normal(random) * 5, b = normal(random) * 5;
    QuantParams params = asymmetricParams(std::min(a, b), std::max(a, b), 0, 255);
    int zero = quantize<uint8_t>(0, 1 / params.scale, params.zeroPoint);
    EXPECT_EQ(dequantize(zero, params.scale, params.zeroPoint), 0);
    for (float value : {a, b}) {
      int code = quantize<uint8_t>(value, 1 / params.scale, params.zeroPoint);
      EXPECT_NEAR(dequantize(code, params.scale, params.zeroPoint), value,
                  params.scale * 1.0001f);
    }
  }
  EXPECT_EQ(asymmetricParams(0, 0, 0, 255), (QuantParams{1, 0}));
  EXPECT_EQ(asymmetricParams(0, 255, 0, 255), (QuantParams{1, 0}));
  EXPECT_EQ(asymmetricParams(-128, 127, 0, 255), (QuantParams{1, 128}));
  EXPECT_EQ(asymmetricParams(2, 5.1f, 0, 255).zeroPoint, 0);
  EXPECT_EQ(asymmetricParams(-1e-45f, 1e-45f, 0, 255).scale, 1);
}

TEST(RowParams, ZeroRowsAndNaN) {
  float zeros[3] = {0, 0, 0}, row[3] = {1, -254, nan};
  RowParams empty = rowParams(zeros, 3), params = rowParams(row, 3);
  EXPECT_EQ(empty.scale, 1);
  EXPECT_EQ(quantizeInRow(0, empty, 128), 128);
  EXPECT_NEAR(params.scale, 2, 1e-6);
  EXPECT_EQ(quantizeInRow(-254, params, 0), -127);
  EXPECT_EQ(quantizeInRow(254, params, 128), 255);
  EXPECT_EQ(quantizeInRow(nan, params, 128), 128);
}

} // namespace
