// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Memory.h"
#include <cstdlib>

static void *allocate(void *, size_t size, size_t alignment) {
  // aligned_alloc wants a multiple of the alignment.
  size_t rounded = (size + alignment - 1) / alignment * alignment;
  return rounded < size ? nullptr : std::aligned_alloc(alignment, rounded);
}

static void release(void *, void *memory, size_t) { std::free(memory); }

qrt_allocator_t qrt::defaultAllocator() { return {nullptr, allocate, release}; }
