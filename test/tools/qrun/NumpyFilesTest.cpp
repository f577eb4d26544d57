// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// .npy and .npz: what is read, and that no damage is fatal.

#include "FileBytes.h"
#include "tools/qrun/TensorFiles.h"
#include <gtest/gtest.h>

using namespace qrun;
using namespace qrun::test;

namespace {

const std::vector<float> values = {1, -2, 3.5, 4, 5, 6};

std::string goodNpy() { return npyOf("<f4", "(2, 3)", bytesOf(values)); }

// The message of a failed parse; "" for success.
std::string npyError(const std::string &bytes) {
  Tensor tensor;
  Failure failure = parseNpy(bytes, tensor);
  EXPECT_TRUE(failure.code == ExitOk || failure.code == ExitBadInput);
  return failure.message;
}

std::string npzError(const std::string &bytes) {
  std::vector<Tensor> tensors;
  Failure failure = parseNpz(bytes, tensors);
  EXPECT_TRUE(failure.code == ExitOk || failure.code == ExitBadInput);
  return failure.message;
}

TEST(Npy, ReadsTypeShapeAndData) {
  Tensor tensor;
  ASSERT_FALSE(parseNpy(goodNpy(), tensor));
  EXPECT_EQ(tensor.type(), "f32[2x3]");
  EXPECT_EQ(tensor.at(2), 3.5);
}

TEST(Npy, ReadsEveryTypeAndAScalar) {
  for (const char *type : {"<f2", "<f8", "|i1", "|u1", "<i2", "<u2", "<i4",
                           "<u4", "<i8", "<u8", "|b1"}) {
    std::string data(size_t(type[2] - '0'), '\1');
    EXPECT_EQ(npyError(npyOf(type, "()", data)), "") << type;
  }
}

TEST(Npy, ReadsEmptyArrays) {
  EXPECT_EQ(npyError(npyOf("<f4", "(0, 3)", "")), "");
}

TEST(Npy, NamesWhatItDoesNotRead) {
  EXPECT_NE(npyError(npyOf(">f4", "(1,)", "abcd")).find("big-endian"),
            std::string::npos);
  EXPECT_NE(npyError(npyOf("<c8", "(1,)", "abcdefgh")).find("<c8"),
            std::string::npos);
  EXPECT_NE(npyError(npy("{'descr': '<f4', 'fortran_order': True, "
                         "'shape': (1,), }\n",
                         "abcd"))
                .find("Fortran"),
            std::string::npos);
  EXPECT_NE(npyError("PK\3\4").find("not an npy"), std::string::npos);
}

TEST(Npy, RefusesSizesThatDoNotFit) {
  EXPECT_NE(npyError(goodNpy() + "x"), "");
  EXPECT_NE(npyError(npyOf("<f4", "(-1, 3)", "")), "");
  EXPECT_NE(npyError(npyOf("<f4", "(4294967296, 4294967296, 4)", "")), "");
  EXPECT_NE(npyError(npyOf("<f4", "(99999999999999999999,)", "")), "");
  EXPECT_NE(
      npyError(npyOf("<f4", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)", "abcd")),
      "");
}

TEST(Npy, RefusesEveryTruncation) {
  std::string whole = goodNpy();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(npyError(whole.substr(0, size)), "") << size;
}

TEST(Npy, SurvivesEveryFlippedByte) {
  std::string whole = goodNpy();
  for (size_t i = 0; i < whole.size(); ++i)
    for (int mask : {1, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = char(damaged[i] ^ mask);
      npyError(damaged); // data may differ; no crash, no other exit code
    }
}

TEST(Npy, WritesWhatItReads) {
  Tensor tensor, again;
  ASSERT_FALSE(parseNpy(goodNpy(), tensor));
  std::string path = testing::TempDir() + "qrun-written.npy";
  ASSERT_FALSE(writeNpy(path, tensor));
  std::vector<Tensor> tensors;
  ASSERT_FALSE(readTensors(path, tensors));
  EXPECT_EQ(tensors[0].type(), tensor.type());
  EXPECT_EQ(tensors[0].data, tensor.data);
}

TEST(Npy, WriteNamesTheFileThatCannotBeWritten) {
  Failure failure = writeNpy("/nonexistent/y.npy", Tensor());
  EXPECT_EQ(failure.code, ExitIO);
  EXPECT_NE(failure.message.find("/nonexistent/y.npy"), std::string::npos);
}

std::string goodNpz() {
  return zip({{"x.npy", goodNpy(), 8},
              {"readme.txt", "text", 0},
              {"y.npy", npyOf("<i8", "(1,)", little(7, 8)), 0}});
}

TEST(Npz, ReadsStoredAndDeflatedMembers) {
  std::vector<Tensor> tensors;
  ASSERT_FALSE(parseNpz(goodNpz(), tensors));
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].name, "x");
  EXPECT_EQ(tensors[0].at(5), 6);
  EXPECT_EQ(tensors[1].name, "y");
  EXPECT_EQ(tensors[1].at(0), 7);
}

TEST(Npz, RefusesEveryTruncation) {
  std::string whole = goodNpz();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(npzError(whole.substr(0, size)), "") << size;
}

TEST(Npz, SurvivesEveryFlippedByte) {
  std::string whole = goodNpz();
  for (size_t i = 0; i < whole.size(); ++i)
    for (int mask : {1, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = char(damaged[i] ^ mask);
      npzError(damaged);
    }
}

TEST(Npz, NoticesDamagedData) {
  std::string stored = zip({{"x.npy", goodNpy(), 0}});
  size_t last = stored.find("PK\1\2") - 1;
  stored[last] = char(stored[last] ^ 1);
  EXPECT_NE(npzError(stored).find("checksum"), std::string::npos);
}

TEST(Npz, DoesNotBelieveSizes) {
  // The size before deflation is at 24 in the only directory entry.
  std::string bytes = zip({{"x.npy", goodNpy(), 8}});
  size_t entry = bytes.find("PK\1\2");
  bytes.replace(entry + 24, 4, little(0x7fffffff, 4));
  EXPECT_NE(npzError(bytes), "");
}

TEST(Npz, NamesTheMemberThatIsBad) {
  EXPECT_NE(npzError(zip({{"x.npy", "junk", 0}})).find("'x'"),
            std::string::npos);
}

TEST(ReadTensors, TellsFileTypesApart) {
  std::vector<Tensor> tensors;
  EXPECT_EQ(readTensors("/nonexistent/x.npy", tensors).code, ExitIO);
  EXPECT_EQ(readTensors("/", tensors).code, ExitIO);
}

} // namespace
