// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the files that qrun reads, byte by byte, so that tests can damage
// them.
#ifndef QOPT_TEST_TOOLS_QRUN_FILEBYTES_H
#define QOPT_TEST_TOOLS_QRUN_FILEBYTES_H

#include <cstdint>
#include <string>
#include <vector>
#include <zlib.h>

namespace qrun::test {

inline std::string little(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += char(i < 8 ? value >> 8 * i : 0);
  return text;
}

template <typename T> std::string bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(T)};
}

// A .npy of version 1 with this dictionary.
inline std::string npy(const std::string &dictionary, const std::string &data) {
  return "\x93NUMPY" + little(1, 1) + little(0, 1) +
         little(dictionary.size(), 2) + dictionary + data;
}

inline std::string npyOf(const char *type, const char *shape,
                         const std::string &data) {
  return npy(std::string("{'descr': '") + type +
                 "', 'fortran_order': False, 'shape': " + shape + ", }\n",
             data);
}

inline std::string deflated(const std::string &data) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(data.data()));
  stream.avail_in = uInt(data.size());
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = uInt(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct ZipMember {
  std::string name, data;
  int method = 0; // 0 stored, 8 deflated
};

// A zip archive.
inline std::string zip(const std::vector<ZipMember> &members) {
  std::string bytes, directory;
  for (const ZipMember &member : members) {
    std::string data = member.method == 8 ? deflated(member.data) : member.data;
    std::string sizes = little(data.size(), 4) + little(member.data.size(), 4);
    std::string name = little(member.name.size(), 2) + little(0, 2);
    auto *unpacked = reinterpret_cast<const Bytef *>(member.data.data());
    std::string common = little(20, 2) + little(0, 2) +
                         little(member.method, 2) + little(0, 4) +
                         little(crc32_z(0, unpacked, member.data.size()), 4);
    directory += "PK\1\2" + little(20, 2) + common + sizes + name +
                 little(0, 2 + 2 + 2 + 4) + little(bytes.size(), 4) +
                 member.name;
    bytes += "PK\3\4" + common + sizes + name + member.name + data;
  }
  return bytes + directory + "PK\5\6" + little(0, 4) +
         little(members.size(), 2) + little(members.size(), 2) +
         little(directory.size(), 4) + little(bytes.size(), 4) + little(0, 2);
}

// Protobuf: a number, and bytes.
inline std::string varint(uint64_t value) {
  std::string text;
  for (; value > 127; value >>= 7)
    text += char(value | 128);
  return text + char(value);
}
inline std::string field(int number, uint64_t value) {
  return varint(number << 3) + varint(value);
}
inline std::string field(int number, const std::string &bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}

} // namespace qrun::test

#endif // QOPT_TEST_TOOLS_QRUN_FILEBYTES_H
