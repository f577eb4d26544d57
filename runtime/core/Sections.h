// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The outer structure of an artifact: header, section table, hashes. Nothing
// inside a section is read here.
#ifndef QRT_CORE_SECTIONS_H
#define QRT_CORE_SECTIONS_H

#include "runtime/core/Status.h"

namespace qrt {

// XXH3-128.
qrt_hash_t hashBytes(const void *data, size_t size);
bool operator==(const qrt_hash_t &a, const qrt_hash_t &b);

class Sections {
public:
  // Checks the header, that the sections are sorted and without holes, that
  // the padding is zero, and the hash of header and section table.
  qrt_status_t open(const void *bytes, size_t size);

  uint32_t size() const { return count; }
  const qrt_section_t &operator[](uint32_t index) const { return table[index]; }
  const qrt_section_t *find(qrt_section_kind_t kind) const;
  // CODE sections, in file order; NULL beyond the last.
  const qrt_section_t *code(uint32_t index) const;
  uint32_t codeCount() const;
  const char *bytesOf(const qrt_section_t &section) const {
    return base + section.offset;
  }

private:
  qrt_status_t checkHeader(const qrt_header_t &header, size_t size) const;
  qrt_status_t checkOrder(uint32_t index) const;

  const char *base = nullptr;
  uint32_t count = 0;
  // A copy: what was checked must not change afterwards.
  qrt_section_t table[QRT_MAX_SECTIONS] = {};
};

// "the TABLES section", "the CODE section for x86-64-v3": for messages.
void describeSection(const qrt_section_t &section, char *out, size_t size);

// Compares `data`, the contents of `section`, with its hash.
qrt_status_t verifyHash(const qrt_section_t &section, const void *data);

} // namespace qrt

#endif // QRT_CORE_SECTIONS_H
