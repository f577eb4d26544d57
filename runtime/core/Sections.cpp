// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Sections.h"
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace qrt;

qrt_hash_t qrt::hashBytes(const void *data, size_t size) {
  XXH128_hash_t hash = XXH3_128bits(data, size);
  return {hash.low64, hash.high64};
}

bool qrt::operator==(const qrt_hash_t &a, const qrt_hash_t &b) {
  return a.low == b.low && a.high == b.high;
}

void qrt::describeSection(const qrt_section_t &section, char *out,
                          size_t size) {
  const char *names[] = {"", "TABLES", "WEIGHTS", "CODE", "LINEAGE"};
  if (section.kind == QRT_SECTION_CODE)
    std::snprintf(out, size, "the CODE section for %.31s", section.name);
  else if (section.kind >= 1 && section.kind <= 4)
    std::snprintf(out, size, "the %s section", names[section.kind]);
  else
    std::snprintf(out, size, "section of kind %u", section.kind);
}

qrt_status_t qrt::verifyHash(const qrt_section_t &section, const void *data) {
  if (hashBytes(data, section.size) == section.hash)
    return nullptr;
  char name[64];
  describeSection(section, name, sizeof(name));
  return makeStatus(QRT_INTEGRITY,
                    "%s does not match its hash: the artifact is damaged",
                    name);
}

static bool isZero(const char *from, const char *to) {
  for (; from != to; ++from)
    if (*from)
      return false;
  return true;
}

qrt_status_t Sections::checkHeader(const qrt_header_t &header,
                                   size_t size) const {
  if (std::memcmp(header.magic, QRT_MAGIC, sizeof(header.magic)) != 0)
    return makeStatus(QRT_INTEGRITY, "not a qopt artifact (wrong magic)");
  if (header.version != QRT_FORMAT_VERSION)
    return makeStatus(QRT_INTEGRITY,
                      "artifact of format version %u; this runtime reads "
                      "version %u",
                      header.version, QRT_FORMAT_VERSION);
  if (header.file_size != size)
    return makeStatus(QRT_INTEGRITY,
                      "artifact of %zu bytes should have %" PRIu64
                      ": it is truncated or has trailing bytes",
                      size, header.file_size);
  if (header.header_size != sizeof(qrt_header_t) ||
      header.section_entry_size != sizeof(qrt_section_t) ||
      header.section_count == 0 || header.section_count > QRT_MAX_SECTIONS)
    return makeStatus(QRT_INTEGRITY, "the header of the artifact is damaged");
  return nullptr;
}

// Names are well formed, and (kind, name) ascends.
qrt_status_t Sections::checkOrder(uint32_t index) const {
  const qrt_section_t &section = table[index];
  char name[64];
  describeSection(section, name, sizeof(name));
  auto damaged = [&](const char *what) {
    return makeStatus(QRT_INTEGRITY, "%s %s", name, what);
  };
  if (!std::memchr(section.name, 0, sizeof(section.name)))
    return damaged("has an unterminated name");
  if (index > 0) {
    const qrt_section_t &previous = table[index - 1];
    bool sorted = previous.kind < section.kind ||
                  (previous.kind == section.kind &&
                   std::strcmp(previous.name, section.name) < 0);
    if (!sorted)
      return damaged("is out of order");
  }
  if (section.kind != QRT_SECTION_CODE && section.kind <= QRT_SECTION_LINEAGE &&
      section.name[0])
    return damaged("has a name");
  return nullptr;
}

qrt_status_t Sections::open(const void *bytes, size_t size) {
  base = static_cast<const char *>(bytes);
  if (size < sizeof(qrt_header_t))
    return makeStatus(QRT_INTEGRITY,
                      "artifact of %zu bytes is shorter than a header", size);
  qrt_header_t header;
  std::memcpy(&header, base, sizeof(header));
  QRT_TRY(checkHeader(header, size));
  uint64_t tableBytes = uint64_t(header.section_count) * sizeof(qrt_section_t);
  uint64_t end = sizeof(header) + tableBytes;
  if (end > size)
    return makeStatus(QRT_INTEGRITY, "the section table is truncated");
  count = header.section_count;
  std::memcpy(table, base + sizeof(header), tableBytes);

  char hashed[offsetof(qrt_header_t, hash) + sizeof(table)];
  std::memcpy(hashed, &header, offsetof(qrt_header_t, hash));
  std::memcpy(hashed + offsetof(qrt_header_t, hash), table, tableBytes);
  if (!(hashBytes(hashed, offsetof(qrt_header_t, hash) + tableBytes) ==
        header.hash))
    return makeStatus(QRT_INTEGRITY, "the header or section table does not "
                                     "match its hash: the artifact is damaged");

  for (uint32_t index = 0; index < count; ++index) {
    const qrt_section_t &section = table[index];
    QRT_TRY(checkOrder(index));
    uint64_t start = (end + QRT_PAGE_SIZE - 1) / QRT_PAGE_SIZE * QRT_PAGE_SIZE;
    if (section.offset != start || start > size || section.size > size - start)
      return makeStatus(QRT_INTEGRITY,
                        "section %u lies outside the artifact or leaves a hole",
                        index);
    if (!isZero(base + end, base + start))
      return makeStatus(QRT_INTEGRITY,
                        "the padding before section %u is not zero: the "
                        "artifact is damaged",
                        index);
    end = start + section.size;
  }
  if (end != size)
    return makeStatus(QRT_INTEGRITY,
                      "the artifact continues beyond its last section");
  return nullptr;
}

const qrt_section_t *Sections::find(qrt_section_kind_t kind) const {
  for (uint32_t index = 0; index < count; ++index)
    if (table[index].kind == uint32_t(kind))
      return &table[index];
  return nullptr;
}

const qrt_section_t *Sections::code(uint32_t wanted) const {
  for (uint32_t index = 0; index < count; ++index)
    if (table[index].kind == QRT_SECTION_CODE && wanted-- == 0)
      return &table[index];
  return nullptr;
}

uint32_t Sections::codeCount() const {
  uint32_t result = 0;
  while (code(result))
    ++result;
  return result;
}
