// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Second-order rounding against rounding to nearest, by the error of outputs.
#include "lib/Calibration/SecondOrderRounding.h"
#include "test/lib/Calibration/Fixtures.h"
#include <random>

using namespace qopt;
using namespace qopt::numerics;

namespace {

constexpr int64_t inputs = 160, outputs = 24, rows = 1000;

std::vector<float> normal(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(size);
  for (float &value : values)
    value = distribution(random);
  return values;
}

// Rows with strongly correlated columns, as real activations have.
SecondMoment correlatedMoment() {
  std::vector<float> x(rows * inputs), noise = normal(rows * inputs, 1),
                                       common = normal(rows * 8, 2),
                                       mix = normal(8 * inputs, 3);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < inputs; ++k) {
      float sum = 0.3f * noise[r * inputs + k];
      for (int64_t c = 0; c < 8; ++c)
        sum += common[r * 8 + c] * mix[c * inputs + k];
      x[r * inputs + k] = sum;
    }
  SecondMoment moment(rows, rows);
  moment.add(x, {rows, inputs}, {});
  return moment;
}

double outputError(const SecondMoment &moment, const std::vector<float> &weight,
                   const EncodedTensor &encoded) {
  std::vector<float> delta = decodeTensor(encoded);
  for (size_t i = 0; i < delta.size(); ++i)
    delta[i] -= weight[i];
  return quadraticError(moment.matrix(), inputs, delta, outputs);
}

FormatSpec parse(const std::string &text) {
  std::string error;
  return *parseFormatSpec(text, error);
}

TEST(SecondOrderRounding, HalvesTheOutputErrorAtLeast) {
  SecondMoment moment = correlatedMoment();
  std::vector<float> weight = normal(inputs * outputs, 4);
  std::vector<int64_t> shape = {inputs, outputs};
  for (const char *text : {"int<8>, axis = 1", "int<4>, axis = 1",
                           "int<4>, block = [32, 1], scale = f16",
                           "codebook<nf4>, block = [64, 1]"}) {
    FormatSpec format = parse(text);
    auto rounded =
        encodeSecondOrder(weight, inputs, outputs, format, moment);
    ASSERT_TRUE(rounded) << text;
    EncodedTensor nearest = encodeTensor(
        weight, shape, format,
        {format.element.bits == 8 ? ScaleRule::AbsMax : ScaleRule::MinError,
         {},
         0});
    EXPECT_LT(outputError(moment, weight, *rounded),
              0.5 * outputError(moment, weight, nearest))
        << text;
    EXPECT_EQ(rounded->scales.size(), nearest.scales.size());
  }
}

TEST(SecondOrderRounding, SameInputSameBytes) {
  SecondMoment moment = correlatedMoment();
  std::vector<float> weight = normal(inputs * outputs, 4);
  FormatSpec format = parse("int<4>, block = [32, 1], scale = f16");
  EXPECT_EQ(encodeSecondOrder(weight, inputs, outputs, format, moment)->codes,
            encodeSecondOrder(weight, inputs, outputs, format, moment)->codes);
}

TEST(SecondOrderRounding, DeclinesWhatItCannotDo) {
  SecondMoment moment = correlatedMoment(), few;
  std::vector<float> weight = normal(inputs * outputs, 4);
  few.add(normal(2 * inputs, 5), {2, inputs}, {});
  auto encodes = [&](const char *text, const SecondMoment &m) {
    return encodeSecondOrder(weight, inputs, outputs, parse(text), m)
        .has_value();
  };
  EXPECT_FALSE(encodes("int<8>", moment));
  EXPECT_FALSE(encodes("int<8>, axis = 0", moment));
  EXPECT_FALSE(encodes("int<4>, block = [1, 8]", moment));
  EXPECT_FALSE(encodes("int<8>, axis = 1", few));
  SecondMoment zeros;
  zeros.add(std::vector<float>(64 * inputs, 0), {64, inputs}, {});
  EXPECT_FALSE(encodes("int<8>, axis = 1", zeros));
}

} // namespace
