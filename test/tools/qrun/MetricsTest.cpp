// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The metrics against values worked out by hand.

#include "tools/qrun/Metrics.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace qrun;

namespace {

Tensor tensor(std::vector<int64_t> shape, std::vector<float> values) {
  Tensor result;
  result.shape = std::move(shape);
  result.data.resize(values.size() * sizeof(float));
  std::memcpy(result.data.data(), values.data(), result.data.size());
  return result;
}

Comparison compared(const Tensor &a, const Tensor &b) {
  Comparison result;
  EXPECT_FALSE(compare(a, b, result));
  return result;
}

TEST(Metrics, KnownDistance) {
  // Error 0.5 beside a signal of 3 and 4: 10 log10(25 / 0.25) = 20 dB.
  Comparison result =
      compared(tensor({1, 2}, {3, 4.5}), tensor({1, 2}, {3, 4}));
  EXPECT_DOUBLE_EQ(result.sqnr, 20);
  EXPECT_EQ(result.maxabs, 0.5);
  EXPECT_EQ(result.relative, 0.125);
  EXPECT_EQ(result.top1, 100);
  EXPECT_FALSE(result.identical);
}

TEST(Metrics, Orthogonal) {
  EXPECT_EQ(compared(tensor({2}, {1, 0}), tensor({2}, {0, 1})).cosine, 0);
}

TEST(Metrics, EqualNonFiniteValuesAreNoError) {
  Tensor a = tensor({3}, {NAN, INFINITY, 1});
  Comparison result = compared(a, a);
  EXPECT_TRUE(result.identical);
  EXPECT_EQ(result.sqnr, INFINITY);
  EXPECT_EQ(result.cosine, 1);
}

TEST(Metrics, LoneNaNIsTheWorst) {
  Comparison result = compared(tensor({2}, {NAN, 1}), tensor({2}, {1, 1}));
  EXPECT_EQ(result.sqnr, -INFINITY);
  EXPECT_EQ(result.maxabs, INFINITY);
  EXPECT_FALSE(result.cosine > 0);
}

TEST(Metrics, ShapesMustAgree) {
  Comparison result;
  EXPECT_EQ(compare(tensor({2}, {1, 2}), tensor({1, 2}, {1, 2}), result).code,
            ExitBadInput);
}

TEST(Metrics, AccuracyCountsRows) {
  double percent;
  Tensor scores = tensor({4, 2}, {1, 0, 0, 1, NAN, -1, 2, 2});
  ASSERT_FALSE(accuracy(scores, tensor({4}, {0, 0, 1, 0}), percent));
  EXPECT_EQ(percent, 75);
  EXPECT_EQ(accuracy(scores, tensor({3}, {0, 0, 1}), percent).code,
            ExitBadInput);
}

} // namespace
