// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cpu/CodeMapping.h"
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace qrt;

CodeMapping::~CodeMapping() {
  if (memory)
    munmap(memory, size);
}

qrt_status_t CodeMapping::open(const qrt_section_t &section,
                               const char *bytes) {
  // Pages may be larger than the format's (16 KiB, 64 KiB): then constants
  // that share a page with code are executable, too.
  size_t page = size_t(sysconf(_SC_PAGESIZE));
  if (section.size == 0 || section.text_size == 0 ||
      section.text_size > section.size ||
      section.text_size % QRT_PAGE_SIZE != 0)
    return makeStatus(QRT_INTEGRITY,
                      "the CODE section for %s has a malformed size",
                      section.name);
  size = (section.size + page - 1) / page * page;
  void *mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    return makeStatus(QRT_RESOURCES, "no memory for %zu bytes of code", size);
  memory = static_cast<char *>(mapped);
  std::memcpy(memory, bytes, section.size);
  QRT_TRY(verifyHash(section, memory));
  size_t text = (section.text_size + page - 1) / page * page;
  text = text > size ? size : text;
  if (mprotect(memory, text, PROT_READ | PROT_EXEC) != 0 ||
      (size > text && mprotect(memory + text, size - text, PROT_READ) != 0))
    return makeStatus(QRT_RESOURCES, "the system forbids executable memory: %s",
                      std::strerror(errno));
  __builtin___clear_cache(memory, memory + size);
  return nullptr;
}
