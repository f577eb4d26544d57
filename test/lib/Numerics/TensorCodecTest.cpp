// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements and tensors of every kind of format.
#include "lib/Numerics/BitPacking.h"
#include "lib/Numerics/ElementCodec.h"
#include "lib/Numerics/FormatTables.h"
#include "lib/Numerics/Quantize.h"
#include "lib/Numerics/ScaleSearch.h"
#include "lib/Numerics/TensorCodec.h"
#include <gtest/gtest.h>
#include <random>

using namespace qopt::numerics;

namespace {

FormatSpec parse(const std::string &text) {
  std::string error;
  std::optional<FormatSpec> spec = parseFormatSpec(text, error);
  EXPECT_TRUE(spec) << error;
  return spec.value_or(FormatSpec());
}

std::vector<ElementFormat> allElements() {
  std::vector<ElementFormat> elements;
  for (unsigned bits = 1; bits <= 8; ++bits) {
    elements.push_back(ElementFormat::makeInt(bits));
    elements.push_back(ElementFormat::makeUInt(bits));
  }
  for (const MinifloatRow &row : minifloatRows())
    elements.push_back(
        parse("float<" + std::string(row.name) + ">").element);
  for (const CodebookRow &row : codebookRows())
    elements.push_back(
        parse("codebook<" + std::string(row.name) + ">").element);
  return elements;
}

TEST(ElementCodec, EveryValueEncodesToItself) {
  for (ElementFormat element : allElements()) {
    ElementCodec codec(element);
    for (int code = element.minCode(); code <= element.maxCode(); ++code) {
      float value = codec.decode(uint8_t(code));
      if (std::isfinite(value))
        EXPECT_EQ(codec.decode(codec.encode(value)), value)
            << toString(element) << " " << code;
    }
  }
}

TEST(ElementCodec, EncodesToTheNearestValue) {
  for (ElementFormat element : allElements()) {
    ElementCodec codec(element);
    for (uint32_t bits = 0; bits < 0x10000; bits += 7) {
      float value = fromHalf(uint16_t(bits));
      if (!std::isfinite(value))
        continue;
      float nearest = std::numeric_limits<float>::infinity();
      for (int code = element.minCode(); code <= element.maxCode(); ++code) {
        float candidate = codec.decode(uint8_t(code));
        if (std::isfinite(candidate))
          nearest = std::min(nearest, std::fabs(candidate - value));
      }
      ASSERT_EQ(std::fabs(codec.decode(codec.encode(value)) - value), nearest)
          << toString(element) << " " << value;
    }
  }
}

TEST(ElementCodec, NaNIsZeroAndInfinitySaturates) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (ElementFormat element : allElements()) {
    ElementCodec codec(element);
    EXPECT_EQ(codec.decode(codec.encode(std::nanf(""))), 0);
    EXPECT_TRUE(std::isfinite(codec.decode(codec.encode(infinity))));
    EXPECT_LE(codec.decode(codec.encode(-infinity)), 0);
  }
}

TEST(ElementCodec, TiesGoToTheEvenCode) {
  ElementCodec e2m1(parse("float<e2m1fn>").element);
  EXPECT_EQ(e2m1.decode(e2m1.encode(2.5f)), 2);
  EXPECT_EQ(e2m1.decode(e2m1.encode(3.5f)), 4);
  EXPECT_EQ(e2m1.decode(e2m1.encode(5.0f)), 4);
}

TEST(BitPacking, RoundTripsForEveryWidth) {
  std::mt19937 random(1);
  for (unsigned bits = 1; bits <= 8; ++bits)
    for (bool isSigned : {false, true}) {
      ElementFormat element = isSigned ? ElementFormat::makeInt(bits)
                                       : ElementFormat::makeUInt(bits);
      for (int64_t size : {0, 1, 7, 64, 101}) {
        std::vector<uint8_t> codes(size);
        for (uint8_t &code : codes)
          code = uint8_t(element.minCode() + int(random() % (1u << bits)));
        std::vector<uint8_t> packed = packBits(codes, bits);
        EXPECT_EQ(int64_t(packed.size()), packedBytes(size, bits));
        EXPECT_EQ(unpackBits(packed, size, element), codes);
      }
    }
  EXPECT_EQ(packBits(std::vector<uint8_t>{1, 2, 0xff}, 4),
            (std::vector<uint8_t>{0x21, 0x0f}));
  EXPECT_EQ(packBits(std::vector<uint8_t>{1, 2, 3}, 3),
            (std::vector<uint8_t>{0xd1, 0x00}));
}

std::vector<float> normalData(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> data(size);
  for (float &value : data)
    value = normal(random);
  return data;
}

double squaredError(const std::vector<float> &data, const EncodedTensor &coded) {
  std::vector<float> decoded = decodeTensor(coded);
  double sum = 0;
  for (size_t i = 0; i < data.size(); ++i)
    sum += (decoded[i] - data[i]) * double(decoded[i] - data[i]);
  return sum;
}

TEST(TensorCodec, ErrorIsAtMostHalfAStep) {
  std::vector<int64_t> shape = {6, 70};
  std::vector<float> data = normalData(420, 1);
  for (const char *text :
       {"int<8>", "int<8>, axis = 0", "int<8>, axis = 1", "int<8>, row",
        "uint<8>, row, zero_point", "int<4>, block = [1, 32]",
        "int<5>, block = [4, 1]", "uint<4>, block = [2, 16], zero_point"}) {
    FormatSpec spec = parse(text);
    EncodedTensor coded = encodeTensor(data, shape, spec);
    std::vector<int64_t> groups = GroupIndex(shape, spec).ofElements();
    std::vector<float> decoded = decodeTensor(coded);
    size_t scales = 1;
    for (int64_t size : spec.scaleShape(shape))
      scales *= size;
    EXPECT_EQ(coded.scales.size(), scales);
    float steps = spec.zeroPoint ? 1.0001f : 0.5001f; // The zero point rounds.
    for (size_t i = 0; i < data.size(); ++i)
      ASSERT_LE(std::fabs(decoded[i] - data[i]), coded.scales[groups[i]] * steps)
          << text;
  }
}

TEST(TensorCodec, GroupsFollowTheFormat) {
  std::vector<int64_t> shape = {2, 5};
  auto groups = [&](const char *text) {
    return GroupIndex(shape, parse(text)).ofElements();
  };
  using Groups = std::vector<int64_t>;
  EXPECT_EQ(groups("int<8>"), Groups(10, 0));
  EXPECT_EQ(groups("int<8>, axis = 1"), Groups({0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
  EXPECT_EQ(groups("int<8>, row"), Groups({0, 0, 0, 0, 0, 1, 1, 1, 1, 1}));
  EXPECT_EQ(groups("int<4>, block = [1, 3]"),
            Groups({0, 0, 0, 1, 1, 2, 2, 2, 3, 3}));
  EXPECT_EQ(groups("int<4>, block = [2, 1]"), groups("int<4>, axis = 1"));
}

TEST(TensorCodec, BetterRulesNeverErrMore) {
  std::vector<int64_t> shape = {16, 64};
  for (const char *text : {"int<4>, block = [1, 32], scale = f16",
                           "int<3>, block = [1, 16]", "codebook<nf4>, axis = 0",
                           "float<e2m1fn>, block = [1, 32]",
                           "uint<4>, block = [1, 32], zero_point"}) {
    std::vector<float> data = normalData(1024, 2);
    FormatSpec spec = parse(text);
    double absmax = squaredError(data, encodeTensor(data, shape, spec));
    double signedMax = squaredError(
        data, encodeTensor(data, shape, spec, {ScaleRule::SignedMax, {}, 0}));
    double search = squaredError(
        data, encodeTensor(data, shape, spec, {ScaleRule::MinError, {}, 0}));
    EXPECT_LE(signedMax, absmax) << text;
    EXPECT_LE(search, signedMax) << text;
  }
}

TEST(TensorCodec, SignedMaxUsesTheMostNegativeCode) {
  // 8 sits on a grid of step -1 as code -8; absmax / 7 would move every value.
  std::vector<float> data = {8, -7, 3, 1};
  std::vector<int64_t> shape = {4};
  EncodedTensor coded = encodeTensor(data, shape, parse("int<4>"),
                                     {ScaleRule::SignedMax, {}, 0});
  EXPECT_EQ(coded.scales, std::vector<float>({-1}));
  EXPECT_EQ(decodeTensor(coded), data);
}

TEST(TensorCodec, ImportanceMovesTheErrorAway) {
  std::vector<float> data = normalData(512, 4), importance(32, 0.01f);
  std::vector<int64_t> shape = {16, 32};
  importance[5] = 100;
  FormatSpec spec = parse("int<3>, axis = 0");
  auto errorOfColumn = [&](const EncodedTensor &coded) {
    std::vector<float> decoded = decodeTensor(coded);
    double sum = 0;
    for (size_t i = 5; i < data.size(); i += 32)
      sum += (decoded[i] - data[i]) * double(decoded[i] - data[i]);
    return sum;
  };
  EXPECT_LT(errorOfColumn(encodeTensor(data, shape, spec,
                                       {ScaleRule::MinError, importance, 1})),
            errorOfColumn(
                encodeTensor(data, shape, spec, {ScaleRule::MinError, {}, 0})));
}

TEST(TensorCodec, DegenerateGroups) {
  float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> data = {0, 0, std::nanf(""), 1, infinity, 2, 1e-30f, 1e-30f};
  std::vector<int64_t> shape = {4, 2};
  EncodedTensor coded =
      encodeTensor(data, shape, parse("int<4>, row, scale = f16"));
  EXPECT_EQ(coded.scales[0], 1);
  std::vector<float> decoded = decodeTensor(coded);
  EXPECT_EQ(decoded[0], 0);
  EXPECT_EQ(decoded[2], 0);
  EXPECT_NEAR(decoded[3], 1, 1e-3);
  EXPECT_NEAR(decoded[4], 2, 1e-3); // Saturates.
  EXPECT_EQ(decoded[6], 0);         // Below what f16 scales can say.
  EncodedTensor empty =
      encodeTensor({}, std::vector<int64_t>{0, 2}, parse("int<8>, axis = 0"));
  EXPECT_TRUE(decodeTensor(empty).empty());
}

TEST(TensorCodec, HalfScalesAreHalves) {
  std::vector<float> data = normalData(256, 5);
  for (float scale : encodeTensor(data, std::vector<int64_t>{4, 64},
                                  parse("int<4>, block = [1, 32], scale = f16"),
                                  {ScaleRule::MinError, {}, 0})
                         .scales)
    EXPECT_EQ(roundToHalf(scale), scale);
}

} // namespace
