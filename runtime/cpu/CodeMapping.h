// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A code image, copied to memory of its own, verified there and made
// executable: what runs is what was hashed, whatever happens to the file.
#ifndef QRT_CPU_CODEMAPPING_H
#define QRT_CPU_CODEMAPPING_H

#include "runtime/core/Sections.h"

namespace qrt {

class CodeMapping {
public:
  CodeMapping() = default;
  CodeMapping(const CodeMapping &) = delete;
  CodeMapping &operator=(const CodeMapping &) = delete;
  ~CodeMapping();

  qrt_status_t open(const qrt_section_t &section, const char *bytes);

  template <typename Function> Function at(uint64_t offset) const {
    return reinterpret_cast<Function>(memory + offset);
  }

private:
  char *memory = nullptr;
  size_t size = 0;
};

} // namespace qrt

#endif // QRT_CPU_CODEMAPPING_H
