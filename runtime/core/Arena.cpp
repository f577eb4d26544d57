// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Arena.h"
#include <cstdlib>

using namespace qrt;

// Sizes beyond this cannot be meant, and sums of them might overflow.
static constexpr uint64_t maxBytes = uint64_t(1) << 46;

static uint64_t alignUp(uint64_t bytes) {
  return (bytes + QRT_DATA_ALIGNMENT - 1) / QRT_DATA_ALIGNMENT *
         QRT_DATA_ALIGNMENT;
}

static int compareRequests(const void *left, const void *right) {
  auto *a = *static_cast<ArenaRequest *const *>(left);
  auto *b = *static_cast<ArenaRequest *const *>(right);
  if (a->bytes != b->bytes)
    return a->bytes > b->bytes ? -1 : 1;
  return a < b ? -1 : 1; // the same plan on every machine
}

// The best gap between `placed`, sorted by offset, for `request`.
static uint64_t findOffset(const ArenaRequest &request,
                           ArenaRequest *const *placed, uint32_t placedCount) {
  uint64_t size = alignUp(request.bytes);
  uint64_t end = 0, best = UINT64_MAX, bestGap = UINT64_MAX;
  for (uint32_t i = 0; i < placedCount; ++i) {
    const ArenaRequest &other = *placed[i];
    if (other.lastUse < request.firstUse || other.firstUse > request.lastUse)
      continue;
    if (other.offset > end) {
      uint64_t gap = other.offset - end;
      if (gap >= size && gap < bestGap) {
        best = end;
        bestGap = gap;
      }
    }
    uint64_t otherEnd = other.offset + alignUp(other.bytes);
    end = otherEnd > end ? otherEnd : end;
  }
  return best == UINT64_MAX ? end : best;
}

qrt_status_t qrt::planArena(ArenaRequest *requests, uint32_t count,
                            const qrt_allocator_t &allocator,
                            uint64_t &outBytes) {
  outBytes = 0;
  Array<ArenaRequest *> bySize, placed;
  QRT_TRY(bySize.allocate(allocator, count));
  QRT_TRY(placed.allocate(allocator, count));
  uint64_t total = 0;
  for (uint32_t i = 0; i < count; ++i) {
    bySize[i] = &requests[i];
    if (requests[i].bytes > maxBytes ||
        (total += alignUp(requests[i].bytes)) > maxBytes * 64)
      return makeStatus(QRT_RESOURCES,
                        "temporaries of these input shapes are too large");
  }
  if (count)
    std::qsort(bySize.data(), count, sizeof(ArenaRequest *), compareRequests);
  for (uint32_t i = 0; i < count; ++i) {
    ArenaRequest &request = *bySize[i];
    request.offset = findOffset(request, placed.data(), i);
    uint64_t end = request.offset + alignUp(request.bytes);
    outBytes = end > outBytes ? end : outBytes;
    uint32_t at = i;
    for (; at > 0 && placed[at - 1]->offset > request.offset; --at)
      placed[at] = placed[at - 1];
    placed[at] = &request;
  }
  return nullptr;
}
