// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gives every temporary an offset in one arena, so that storages whose
// lifetimes overlap do not overlap in memory.
#ifndef QRT_CORE_ARENA_H
#define QRT_CORE_ARENA_H

#include "runtime/core/Memory.h"

namespace qrt {

struct ArenaRequest {
  uint64_t bytes;
  uint32_t firstUse; // lifetime in commands, inclusive
  uint32_t lastUse;
  uint64_t offset; // the answer, a multiple of QRT_DATA_ALIGNMENT
};

// Largest first, each into the smallest gap that fits (best fit by lifetime;
// Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
// Inference", 2020). Fails when sizes overflow.
qrt_status_t planArena(ArenaRequest *requests, uint32_t count,
                       const qrt_allocator_t &allocator, uint64_t &outBytes);

} // namespace qrt

#endif // QRT_CORE_ARENA_H
