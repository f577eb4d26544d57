// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX TensorProto files: what is read, and that no damage is fatal.

#include "FileBytes.h"
#include "tools/qrun/TensorFiles.h"
#include <gtest/gtest.h>

using namespace qrun;
using namespace qrun::test;

namespace {

// Field numbers of onnx.TensorProto, and two of its types.
enum { Dims = 1, Type = 2, FloatData = 4, Int32Data = 5, Name = 8, Raw = 9 };
enum { Float = 1, Uint8 = 2, String = 8, BFloat16 = 16 };

const std::vector<float> values = {1, -2, 3.5};

std::string head(int type) {
  return field(Dims, varint(1) + varint(3)) + field(Type, type) +
         field(Name, "x");
}

std::string error(const std::string &bytes) {
  Tensor tensor;
  Failure failure = parseTensorProto(bytes, tensor);
  EXPECT_TRUE(failure.code == ExitOk || failure.code == ExitBadInput);
  return failure.message;
}

TEST(TensorProto, ReadsRawData) {
  Tensor tensor;
  ASSERT_FALSE(
      parseTensorProto(head(Float) + field(Raw, bytesOf(values)), tensor));
  EXPECT_EQ(tensor.name, "x");
  EXPECT_EQ(tensor.type(), "f32[1x3]");
  EXPECT_EQ(tensor.at(1), -2);
}

TEST(TensorProto, ReadsTypedData) {
  Tensor tensor;
  ASSERT_FALSE(parseTensorProto(head(Float) + field(FloatData, bytesOf(values)),
                                tensor));
  EXPECT_EQ(tensor.at(2), 3.5);
  ASSERT_FALSE(parseTensorProto(
      head(Uint8) + field(Int32Data, varint(1) + varint(2) + varint(255)),
      tensor));
  EXPECT_EQ(tensor.type(), "u8[1x3]");
  EXPECT_EQ(tensor.at(2), 255);
}

TEST(TensorProto, ReadsUnpackedDims) {
  Tensor tensor;
  ASSERT_FALSE(parseTensorProto(field(Dims, 3) + field(Type, Float) +
                                    field(Raw, bytesOf(values)),
                                tensor));
  EXPECT_EQ(tensor.type(), "f32[3]");
}

TEST(TensorProto, RefusesWhatDoesNotFit) {
  EXPECT_NE(error(head(Float) + field(Raw, "abc")), "");
  EXPECT_NE(error(head(Float) + field(FloatData, "abcde")), "");
  EXPECT_NE(error(head(String) + field(Raw, "abc")), "");
  EXPECT_NE(error(head(99)), "");
  EXPECT_NE(error(field(Dims, uint64_t(-1)) + field(Type, Float)), "");
  EXPECT_NE(error(field(Dims, varint(1ull << 62) + varint(8)) +
                  field(Type, Float) + field(Raw, "")),
            "");
  // data_location = EXTERNAL
  EXPECT_NE(error(head(Float) + field(14, 1)), "");
}

TEST(TensorProto, RefusesEveryTruncation) {
  std::string whole = head(Float) + field(Raw, bytesOf(values));
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(error(whole.substr(0, size)), "") << size;
}

TEST(TensorProto, SurvivesEveryFlippedByte) {
  std::string whole = head(BFloat16) + field(Raw, "abcdef");
  for (size_t i = 0; i < whole.size(); ++i)
    for (int mask : {1, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = char(damaged[i] ^ mask);
      error(damaged);
    }
}

} // namespace
