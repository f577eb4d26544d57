// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formats print and parse to themselves; shapes and ranges are as documented.
#include "lib/Numerics/FormatSpec.h"
#include "lib/Numerics/FormatTables.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace qopt::numerics;

namespace {

FormatSpec parse(const std::string &text) {
  std::string error;
  std::optional<FormatSpec> spec = parseFormatSpec(text, error);
  EXPECT_TRUE(spec) << error;
  return spec.value_or(FormatSpec());
}

std::string parseErrorOf(const std::string &text) {
  std::string error;
  EXPECT_FALSE(parseFormatSpec(text, error)) << text;
  return error;
}

TEST(FormatSpec, TextRoundTrips) {
  for (const char *text :
       {"int<8>", "uint<8>, zero_point", "int<8>, axis = 0",
        "int<4>, block = [1, 32], scale = f16", "uint<8>, row, zero_point",
        "float<e4m3fn>, axis = 1", "codebook<nf4>, block = [64, 1], of = f16",
        "uint<3>, block = [1, 1, 16], scale = f16, zero_point, of = bf16"}) {
    FormatSpec spec = parse(text);
    EXPECT_EQ(toString(spec), text);
    EXPECT_EQ(parse(toString(spec)), spec);
    EXPECT_EQ(hash_value(parse(text)), hash_value(spec));
  }
}

TEST(FormatSpec, TextErrorsNameWhatWasFound) {
  EXPECT_NE(parseErrorOf("int<9>").find("got 9"), std::string::npos);
  EXPECT_NE(parseErrorOf("int4").find("got int4"), std::string::npos);
  EXPECT_NE(parseErrorOf("float<e9m9>").find("e4m3fn"), std::string::npos);
  EXPECT_NE(parseErrorOf("int<4>, block = [0]").find("positive"),
            std::string::npos);
  EXPECT_NE(parseErrorOf("int<4>, axis = 0, row").find("exclude"),
            std::string::npos);
  EXPECT_NE(parseErrorOf("int<4>, colour").find("got colour"),
            std::string::npos);
  parseErrorOf("");
}

TEST(FormatSpec, ScaleShapes) {
  std::vector<int64_t> shape = {6, 70};
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(parse("int<8>").scaleShape(shape), Shape({}));
  EXPECT_EQ(parse("int<8>, axis = 1").scaleShape(shape), Shape({70}));
  EXPECT_EQ(parse("int<8>, row").scaleShape(shape), Shape({6, 1}));
  EXPECT_EQ(parse("int<4>, block = [1, 32]").scaleShape(shape), Shape({6, 3}));
  EXPECT_DOUBLE_EQ(parse("int<4>, block = [1, 32], scale = f16")
                       .bitsPerElement(Shape({8, 64})),
                   4.5);
}

TEST(FormatSpec, VerifyNamesTheMismatch) {
  EXPECT_EQ(parse("int<8>, axis = 1").verify(2), "");
  EXPECT_NE(parse("int<8>, axis = 2").verify(2), "");
  EXPECT_NE(parse("int<4>, block = [1, 32]").verify(3), "");
  EXPECT_NE(parse("codebook<nf4>, zero_point").verify(1), "");
}

TEST(FormatSpec, CodeRanges) {
  EXPECT_EQ(ElementFormat::makeInt(4).minCode(), -8);
  EXPECT_EQ(ElementFormat::makeInt(4).maxCode(), 7);
  EXPECT_EQ(ElementFormat::makeInt(8).symmetricLimit(), 127);
  EXPECT_EQ(ElementFormat::makeUInt(8).maxCode(), 255);
  EXPECT_EQ(ElementFormat::makeInt(1).minCode(), -1);
}

TEST(FormatTables, MinifloatsReachTheirKnownLimits) {
  EXPECT_EQ(parse("float<e4m3fn>").element.symmetricLimit(), 448);
  EXPECT_EQ(parse("float<e5m2>").element.symmetricLimit(), 57344);
  EXPECT_EQ(parse("float<e2m1fn>").element.symmetricLimit(), 6);
  EXPECT_EQ(parse("float<e3m2fn>").element.symmetricLimit(), 28);
  EXPECT_EQ(parse("float<e2m3fn>").element.symmetricLimit(), 7.5);
  std::span<const float> e2m1 = valuesOf(parse("float<e2m1fn>").element);
  const float positive[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (int code = 0; code < 8; ++code) {
    EXPECT_EQ(e2m1[code], positive[code]);
    EXPECT_EQ(e2m1[code + 8], -positive[code]);
  }
  EXPECT_TRUE(std::isnan(valuesOf(parse("float<e4m3fn>").element)[0x7f]));
}

} // namespace
