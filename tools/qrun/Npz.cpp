// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NumPy's .npz: the zip format (PKWARE APPNOTE 6.3), central directory and
// zip64 included, encryption and spanning not.

#include "TensorFiles.h"
#include <cstring>
#include <zlib.h>

using namespace qrun;

namespace {

Failure bad(const std::string &text) { return Failure(ExitBadInput, text); }

// Unaligned little-endian reads with bounds; zero beyond the end, and `good`
// turns false.
struct Cursor {
  std::string_view bytes;
  size_t at;
  bool good = true;

  uint64_t take(size_t count) {
    uint64_t value = 0;
    if (at > bytes.size() || count > bytes.size() - at) {
      good = false;
      return 0;
    }
    std::memcpy(&value, bytes.data() + at, count);
    at += count;
    return value;
  }
  std::string_view takeBytes(size_t count) {
    if (at > bytes.size() || count > bytes.size() - at) {
      good = false;
      return {};
    }
    at += count;
    return bytes.substr(at - count, count);
  }
};

struct Member {
  std::string name;
  uint32_t method;
  uint64_t checksum, packed, unpacked, header;
};

// Position and number of entries of the central directory.
bool findDirectory(std::string_view bytes, uint64_t &offset, uint64_t &count) {
  // The end record is at the end, but for a comment of up to 64 KiB.
  if (bytes.size() < 22)
    return false;
  size_t lowest = bytes.size() < 65557 ? 0 : bytes.size() - 65557;
  for (size_t at = bytes.size() - 22 + 1; at-- > lowest;) {
    if (std::memcmp(bytes.data() + at, "PK\5\6", 4) != 0)
      continue;
    Cursor end{bytes, at + 10};
    count = end.take(2);
    end.take(4);
    offset = end.take(4);
    if (at < 20 || std::memcmp(bytes.data() + at - 20, "PK\6\7", 4) != 0)
      return true;
    Cursor locator{bytes, at - 12};
    Cursor end64{bytes, size_t(locator.take(8))};
    if (end64.take(4) != 0x06064b50)
      return false;
    end64.at += 28;
    count = end64.take(8);
    end64.take(8);
    offset = end64.take(8);
    return end64.good;
  }
  return false;
}

// Sizes of 0xffffffff stand in a zip64 extra field, in this order.
void readExtra(std::string_view extra, Member &member) {
  Cursor cursor{extra, 0};
  while (cursor.at + 4 <= extra.size()) {
    uint64_t id = cursor.take(2), size = cursor.take(2);
    Cursor field{cursor.takeBytes(size), 0};
    if (id != 1)
      continue;
    for (uint64_t *value : {&member.unpacked, &member.packed, &member.header})
      if (*value == 0xffffffff)
        *value = field.take(8);
  }
}

bool readEntry(Cursor &cursor, Member &member) {
  if (cursor.take(4) != 0x02014b50)
    return false;
  cursor.at += 4;
  uint64_t flags = cursor.take(2);
  member.method = uint32_t(cursor.take(2));
  cursor.at += 4;
  member.checksum = cursor.take(4);
  member.packed = cursor.take(4);
  member.unpacked = cursor.take(4);
  uint64_t name = cursor.take(2), extra = cursor.take(2);
  uint64_t comment = cursor.take(2);
  cursor.at += 8;
  member.header = cursor.take(4);
  member.name = std::string(cursor.takeBytes(name));
  readExtra(cursor.takeBytes(extra), member);
  cursor.takeBytes(comment);
  return cursor.good && !(flags & 1);
}

Failure inflateMember(std::string_view packed, std::vector<char> &out) {
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return Failure(ExitResources, "no memory to inflate");
  size_t read = 0, written = 0;
  int result = Z_OK;
  // zlib counts in 32 bits.
  const size_t most = 1u << 30;
  while (result == Z_OK) {
    uInt in = uInt(std::min(packed.size() - read, most));
    uInt room = uInt(std::min(out.size() - written, most));
    stream.next_in =
        reinterpret_cast<Bytef *>(const_cast<char *>(packed.data() + read));
    stream.avail_in = in;
    stream.next_out = reinterpret_cast<Bytef *>(out.data() + written);
    stream.avail_out = room;
    result = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += room - stream.avail_out;
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || written != out.size())
    return bad("compressed data is damaged");
  return {};
}

Failure parseChecked(std::string_view data, const Member &member,
                     Tensor &tensor) {
  auto *bytes = reinterpret_cast<const Bytef *>(data.data());
  if (crc32_z(0, bytes, data.size()) != member.checksum)
    return bad("checksum is wrong: the data is damaged");
  return parseNpy(data, tensor);
}

Failure readMember(std::string_view bytes, const Member &member,
                   Tensor &tensor) {
  Cursor local{bytes, size_t(member.header)};
  if (local.take(4) != 0x04034b50)
    return bad("local header is damaged");
  local.at += 22;
  uint64_t name = local.take(2), extra = local.take(2);
  local.takeBytes(name);
  local.takeBytes(extra);
  std::string_view packed = local.takeBytes(member.packed);
  if (!local.good)
    return bad("file is truncated");
  if (member.method == 0)
    return parseChecked(packed, member, tensor);
  if (member.method != Z_DEFLATED)
    return bad("unknown compression method");
  // Deflate shrinks at most 1032 to 1: do not allocate for a lie.
  if (member.unpacked / 1032 > member.packed)
    return bad("compressed data is damaged");
  std::vector<char> unpacked(member.unpacked);
  if (Failure failure = inflateMember(packed, unpacked))
    return failure;
  return parseChecked({unpacked.data(), unpacked.size()}, member, tensor);
}

} // namespace

Failure qrun::parseNpz(std::string_view bytes, std::vector<Tensor> &tensors) {
  uint64_t offset, count;
  if (!findDirectory(bytes, offset, count))
    return bad("not an npz file (no zip directory)");
  Cursor cursor{bytes, size_t(offset)};
  for (uint64_t i = 0; i < count; ++i) {
    Member member;
    if (!readEntry(cursor, member))
      return bad("zip directory is damaged or encrypted");
    std::string &name = member.name;
    if (name.size() < 4 || name.compare(name.size() - 4, 4, ".npy") != 0)
      continue;
    Tensor tensor;
    Failure failure = readMember(bytes, member, tensor);
    name.resize(name.size() - 4);
    if (failure)
      return Failure(failure.code, "'" + name + "': " + failure.message);
    tensor.name = name;
    tensors.push_back(std::move(tensor));
  }
  return {};
}
