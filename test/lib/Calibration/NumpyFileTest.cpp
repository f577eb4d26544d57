// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// .npy and .npz: what numpy writes is read, what is damaged is refused.
#include "lib/Calibration/NumpyFile.h"
#include "lib/Calibration/ZipArchive.h"
#include "test/lib/Calibration/Fixtures.h"
#include <zlib.h>

using namespace qopt;

namespace {

TEST(Npy, ReadsAFloatArray) {
  auto tensor = parseNpy(npyBytes("<f4", "(2, 3)", rawFloats({1, 2, 3, 4, 5, 6})), "x");
  ASSERT_TRUE(bool(tensor)) << messageOf(std::move(tensor));
  EXPECT_EQ(tensor->shape, std::vector<int64_t>({2, 3}));
  EXPECT_EQ(floatsOf(*tensor), std::vector<float>({1, 2, 3, 4, 5, 6}));
}

TEST(Npy, ScalarsVectorsAndFortranOrder) {
  EXPECT_TRUE(parseNpy(npyBytes("<f4", "()", rawFloats({7})), "x")->shape.empty());
  EXPECT_EQ(parseNpy(npyBytes("|u1", "(3,)", "abc"), "x")->shape,
            std::vector<int64_t>{3});
  auto columns = parseNpy(
      npyBytes("<f4", "(2, 3)", rawFloats({1, 4, 2, 5, 3, 6}), "True"), "x");
  EXPECT_EQ(floatsOf(*columns), std::vector<float>({1, 2, 3, 4, 5, 6}));
}

TEST(Npy, DamageIsNamed) {
  auto refuse = [](const std::string &bytes) {
    return messageOf(parseNpy(bytes, "data"));
  };
  EXPECT_NE(refuse("hello, this is text").find(".npy"), std::string::npos);
  EXPECT_NE(refuse(npyBytes(">f4", "(1,)", "abcd")).find("got '>f4'"),
            std::string::npos);
  EXPECT_NE(refuse(npyBytes("<f4", "(2,)", "abcd")).find("float32[2]"),
            std::string::npos);
  EXPECT_NE(refuse(npyBytes("<f4", "(-1,)", "abcd")).find("shape"),
            std::string::npos);
  refuse(npyBytes("<f4", "(9223372036854775807, 9223372036854775807)", "abcd"));
  std::string whole = npyBytes("<f4", "(1,)", "abcd");
  for (size_t size = 0; size < whole.size(); ++size)
    refuse(whole.substr(0, size));
}

void append16(std::string &bytes, unsigned value) {
  bytes += char(value);
  bytes += char(value >> 8);
}
void append32(std::string &bytes, uint32_t value) {
  append16(bytes, value & 0xffff);
  append16(bytes, value >> 16);
}

std::string deflateRaw(const std::string &content) {
  std::string result(compressBound(content.size()) + 64, 0);
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(content.data()));
  stream.avail_in = uInt(content.size());
  stream.next_out = (Bytef *)result.data();
  stream.avail_out = uInt(result.size());
  deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

std::string zipOf(const std::string &name, const std::string &content,
                  bool deflated) {
  std::string stored = deflated ? deflateRaw(content) : content;
  uint32_t crc = crc32(0, reinterpret_cast<const Bytef *>(content.data()), uInt(content.size()));
  auto common = [&](std::string &bytes) {
    append16(bytes, 20);
    append16(bytes, 0);
    append16(bytes, deflated ? 8 : 0);
    append32(bytes, 0);
    append32(bytes, crc);
    append32(bytes, uint32_t(stored.size()));
    append32(bytes, uint32_t(content.size()));
    append16(bytes, unsigned(name.size()));
    append16(bytes, 0);
  };
  std::string bytes = "PK\x03\x04";
  common(bytes);
  bytes += name + stored;
  uint32_t directory = uint32_t(bytes.size());
  bytes += "PK\x01\x02";
  append16(bytes, 20);
  common(bytes);
  append16(bytes, 0);
  append16(bytes, 0);
  append16(bytes, 0);
  append32(bytes, 0);
  append32(bytes, 0);
  bytes += name;
  uint32_t size = uint32_t(bytes.size()) - directory;
  bytes += "PK\x05\x06";
  append32(bytes, 0);
  append16(bytes, 1);
  append16(bytes, 1);
  append32(bytes, size);
  append32(bytes, directory);
  append16(bytes, 0);
  return bytes;
}

TEST(Npz, StoredAndDeflatedMembers) {
  std::string npy = npyBytes("<f4", "(64,)", rawFloats(std::vector<float>(64, 2)));
  for (bool deflated : {false, true}) {
    auto arrays = parseNpz(zipOf("image.npy", npy, deflated));
    ASSERT_TRUE(bool(arrays)) << messageOf(std::move(arrays));
    ASSERT_EQ(arrays->size(), 1u);
    EXPECT_EQ(arrays->front().name, "image");
    EXPECT_EQ(floatsOf(arrays->front()), std::vector<float>(64, 2));
  }
}

TEST(Npz, AnyDamagedByteIsSurvived) {
  std::string npy = npyBytes("<f4", "(4,)", rawFloats({1, 2, 3, 4}));
  for (bool deflated : {false, true}) {
    std::string zip = zipOf("x.npy", npy, deflated);
    for (size_t i = 0; i < zip.size(); ++i)
      for (int change : {0x01, 0x80, 0xff}) {
        std::string damaged = zip;
        damaged[i] = char(damaged[i] ^ change);
        if (auto arrays = parseNpz(damaged); !arrays)
          llvm::consumeError(arrays.takeError());
      }
    for (size_t size = 0; size < zip.size(); ++size)
      messageOf(parseNpz(zip.substr(0, size)));
  }
}

TEST(Npz, AWrongChecksumIsRefused) {
  std::string npy = npyBytes("<f4", "(4,)", rawFloats({1, 2, 3, 4}));
  std::string zip = zipOf("x.npy", npy, false);
  zip[zip.find("PK\x01\x02") - 1] ^= 1; // The last byte of the data.
  EXPECT_NE(messageOf(parseNpz(zip)).find("checksum"), std::string::npos);
}

} // namespace
