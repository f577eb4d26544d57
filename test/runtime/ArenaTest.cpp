// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arena planning: what lives at the same time never overlaps, and memory is
// reused.

#include "runtime/core/Arena.h"
#include "gtest/gtest.h"
#include <random>

using namespace qrt;

namespace {

uint64_t plan(std::vector<ArenaRequest> &requests) {
  uint64_t bytes = ~uint64_t(0);
  EXPECT_EQ(
      planArena(requests.data(), requests.size(), defaultAllocator(), bytes),
      nullptr);
  return bytes;
}

uint64_t roundUp(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

// The most bytes alive at one command: no plan can do with less.
uint64_t lowerBound(const std::vector<ArenaRequest> &requests) {
  uint64_t most = 0;
  for (const ArenaRequest &at : requests) {
    uint64_t alive = 0;
    for (const ArenaRequest &other : requests)
      if (other.firstUse <= at.firstUse && at.firstUse <= other.lastUse)
        alive += roundUp(other.bytes);
    most = std::max(most, alive);
  }
  return most;
}

TEST(Arena, neverOverlapsInTimeAndSpace) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<ArenaRequest> requests(random() % 40);
    for (ArenaRequest &request : requests) {
      request.bytes = random() % (round % 2 ? 5000 : 3);
      request.firstUse = random() % 30;
      request.lastUse = request.firstUse + random() % 8;
    }
    uint64_t bytes = plan(requests);
    EXPECT_GE(bytes, lowerBound(requests));
    for (size_t i = 0; i < requests.size(); ++i) {
      const ArenaRequest &a = requests[i];
      EXPECT_EQ(a.offset % 64, 0u);
      EXPECT_LE(a.offset + a.bytes, bytes);
      for (size_t j = 0; j < i; ++j) {
        const ArenaRequest &b = requests[j];
        bool inTime = a.firstUse <= b.lastUse && b.firstUse <= a.lastUse;
        bool inSpace =
            a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
        EXPECT_FALSE(inTime && inSpace) << "round " << round;
      }
    }
  }
}

TEST(Arena, chainNeedsTwoBuffers) {
  std::vector<ArenaRequest> chain;
  for (uint32_t i = 0; i < 50; ++i)
    chain.push_back({1000, i, i + 1, 0});
  EXPECT_EQ(plan(chain), 2 * 1024u);
}

TEST(Arena, inclusiveLifetimesDoNotShare) {
  // The second is written by the command that still reads the first.
  std::vector<ArenaRequest> touching = {{64, 0, 1, 0}, {64, 1, 2, 0}};
  EXPECT_EQ(plan(touching), 128u);
  std::vector<ArenaRequest> apart = {{64, 0, 1, 0}, {64, 2, 3, 0}};
  EXPECT_EQ(plan(apart), 64u);
}

TEST(Arena, absurdSizesAreRefused) {
  ArenaRequest request = {uint64_t(1) << 62, 0, 0, 0};
  uint64_t bytes;
  qrt_status_t status = planArena(&request, 1, defaultAllocator(), bytes);
  EXPECT_EQ(qrt_status_code(status), QRT_RESOURCES);
  qrt_status_free(status);
}

} // namespace
