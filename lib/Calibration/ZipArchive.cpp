// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Record layouts: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12
// (directory), 4.3.14 to 4.3.16 (its end).
#include "lib/Calibration/ZipArchive.h"
#include "lib/Support/Errors.h"
#include <algorithm>
#include <zlib.h>

using namespace llvm;

namespace qopt {
namespace {

constexpr uint32_t localSignature = 0x04034b50;
constexpr uint32_t directorySignature = 0x02014b50;
constexpr uint32_t endSignature = 0x06054b50;
constexpr uint32_t end64Signature = 0x06064b50;
constexpr uint32_t locator64Signature = 0x07064b50;

// Reads fields; beyond the end they are 0 and `ok` turns false.
class Reader {
public:
  Reader(StringRef bytes, uint64_t at) : bytes(bytes), at(at) {}
  uint16_t u16() { return uint16_t(read(2)); }
  uint32_t u32() { return uint32_t(read(4)); }
  uint64_t u64() { return read(8); }
  void skip(uint64_t count) { at += count; }
  StringRef take(uint64_t count) {
    if (at > bytes.size() || count > bytes.size() - at) {
      ok = false;
      return "";
    }
    StringRef result = bytes.substr(at, count);
    at += count;
    return result;
  }
  bool ok = true;

private:
  uint64_t read(unsigned count) {
    uint64_t value = 0;
    StringRef field = take(count);
    for (unsigned i = 0; i < field.size(); ++i)
      value |= uint64_t(uint8_t(field[i])) << (8 * i);
    return value;
  }
  StringRef bytes;
  uint64_t at;
};

Error badZip(const Twine &what) {
  return makeFailure(ExitCode::BadModel, "not a readable zip archive: " + what);
}

struct Directory {
  uint64_t entries = 0, offset = 0;
};

Expected<Directory> findDirectory(StringRef bytes) {
  // The end record is 22 bytes and may be followed by a comment.
  if (bytes.size() < 22)
    return badZip("too short");
  uint64_t lowest = bytes.size() > 22 + 65535 ? bytes.size() - 22 - 65535 : 0;
  for (uint64_t at = bytes.size() - 22 + 1; at-- > lowest;) {
    Reader end(bytes, at);
    if (end.u32() != endSignature)
      continue;
    end.skip(6);
    Directory directory;
    directory.entries = end.u16();
    end.skip(4);
    directory.offset = end.u32();
    if (directory.offset != 0xffffffff && directory.entries != 0xffff)
      return directory;
    Reader locator(bytes, at >= 20 ? at - 20 : 0);
    if (locator.u32() != locator64Signature)
      return badZip("its zip64 directory is missing");
    locator.skip(4);
    Reader end64(bytes, locator.u64());
    if (end64.u32() != end64Signature)
      return badZip("its zip64 directory is missing");
    end64.skip(28);
    directory.entries = end64.u64();
    end64.skip(8);
    directory.offset = end64.u64();
    return directory;
  }
  return badZip("it has no directory");
}

// Sizes of 0xffffffff live in the extra field of kind 1, in this order.
void applyZip64(StringRef extra, ZipMember &member) {
  while (extra.size() >= 4) {
    Reader head(extra, 0);
    uint16_t kind = head.u16(), size = head.u16();
    StringRef body = extra.substr(4, size);
    if (kind == 1) {
      Reader fields(body, 0);
      for (uint64_t *field :
           {&member.size, &member.compressedSize, &member.headerOffset})
        if (*field == 0xffffffff)
          *field = fields.u64();
    }
    extra = extra.drop_front(std::min<size_t>(extra.size(), 4 + size));
  }
}

Expected<std::string> inflateRaw(StringRef compressed, uint64_t size) {
  // Deflate expands at most about 1032 times: a larger claim is a lie, and is
  // refused before its memory is taken.
  if (size / 1040 > compressed.size())
    return badZip("a member claims an impossible size");
  std::string content(size, 0);
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return badZip("zlib does not start");
  uint64_t consumed = 0, produced = 0;
  int status = Z_OK;
  // zlib counts in 32 bits: feed it in pieces.
  constexpr uint64_t piece = 1u << 30;
  while (status == Z_OK) {
    stream.next_in = reinterpret_cast<Bytef *>(
        const_cast<char *>(compressed.data() + consumed));
    stream.avail_in = uInt(std::min(piece, compressed.size() - consumed));
    stream.next_out = reinterpret_cast<Bytef *>(content.data() + produced);
    stream.avail_out = uInt(std::min(piece, size - produced));
    uInt in = stream.avail_in, out = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    produced += out - stream.avail_out;
    if (in == stream.avail_in && out == stream.avail_out)
      break;
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || produced != size)
    return badZip("a member's deflate stream is damaged");
  return content;
}

uint32_t checksum(StringRef content) {
  uLong crc = crc32(0, nullptr, 0);
  while (!content.empty()) {
    StringRef piece = content.take_front(1u << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef *>(piece.data()),
                uInt(piece.size()));
    content = content.drop_front(piece.size());
  }
  return uint32_t(crc);
}

} // namespace

Expected<std::vector<ZipMember>> listZip(StringRef bytes) {
  Expected<Directory> directory = findDirectory(bytes);
  if (!directory)
    return directory.takeError();
  std::vector<ZipMember> members;
  Reader reader(bytes, directory->offset);
  for (uint64_t i = 0; i < directory->entries; ++i) {
    if (reader.u32() != directorySignature)
      return badZip("its directory is damaged");
    ZipMember member;
    reader.skip(4);
    uint16_t flags = reader.u16();
    member.method = reader.u16();
    reader.skip(4);
    member.crc = reader.u32();
    member.compressedSize = reader.u32();
    member.size = reader.u32();
    uint16_t nameSize = reader.u16(), extraSize = reader.u16(),
             commentSize = reader.u16();
    reader.skip(8);
    member.headerOffset = reader.u32();
    member.name = reader.take(nameSize).str();
    applyZip64(reader.take(extraSize), member);
    reader.skip(commentSize);
    if (!reader.ok)
      return badZip("its directory is damaged");
    if (flags & 1)
      return badZip(member.name + " is encrypted");
    members.push_back(std::move(member));
  }
  return members;
}

Expected<std::string> extract(StringRef bytes, const ZipMember &member) {
  Reader reader(bytes, member.headerOffset);
  if (reader.u32() != localSignature)
    return badZip(member.name + " has no header");
  reader.skip(22);
  uint16_t nameSize = reader.u16(), extraSize = reader.u16();
  reader.skip(uint64_t(nameSize) + extraSize);
  StringRef compressed = reader.take(member.compressedSize);
  if (!reader.ok)
    return badZip(member.name + " ends beyond the file");
  if (member.method != 0 && member.method != 8)
    return badZip(member.name + " is compressed by method " +
                  Twine(member.method) + "; expected stored or deflated");
  std::string content;
  if (member.method == 0) {
    if (member.size != member.compressedSize)
      return badZip(member.name + " is stored with two sizes");
    content = compressed.str();
  } else {
    Expected<std::string> inflated = inflateRaw(compressed, member.size);
    if (!inflated)
      return addContext(inflated.takeError(), member.name);
    content = std::move(*inflated);
  }
  if (checksum(content) != member.crc)
    return badZip(member.name + " does not match its checksum");
  return content;
}

} // namespace qopt
