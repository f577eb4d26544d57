// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The thread pool: every unit once, whatever the cut; sleeping workers wake up;
// pools start and stop.

#include "runtime/cpu/ThreadPool.h"
#include "gtest/gtest.h"
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

using namespace qrt;

namespace {

struct Counter {
  std::vector<std::atomic<int>> seen;
  std::atomic<uint32_t> threads{0};
  explicit Counter(size_t units) : seen(units) {}
  static void body(void *self, uint32_t thread, int64_t begin, int64_t end) {
    auto *counter = static_cast<Counter *>(self);
    counter->threads |= 1u << thread;
    for (int64_t i = begin; i < end; ++i)
      ++counter->seen[i];
  }
  bool allOnce() const {
    for (auto &count : seen)
      if (count != 1)
        return false;
    return true;
  }
};

TEST(ThreadPool, runsEveryUnitOnce) {
  for (uint32_t threads : {1, 2, 5}) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(threads, defaultAllocator()), nullptr);
    for (int64_t units : {0, 1, 2, 63, 64, 1000})
      for (int64_t grain : {1, 3, 64, 5000})
        for (int repeat = 0; repeat < 20; ++repeat) {
          Counter counter(units);
          pool.run({Counter::body, &counter, units, grain});
          ASSERT_TRUE(counter.allOnce())
              << threads << " threads, " << units << " units by " << grain;
          ASSERT_LT(counter.threads, 1u << threads);
        }
  }
}

TEST(ThreadPool, singleUnitsStayOnTheCaller) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(4, defaultAllocator()), nullptr);
  Counter counter(8);
  pool.run({Counter::body, &counter, 8, 8});
  EXPECT_EQ(counter.threads, 1u);
}

// Waits until all threads of the pool are inside at once: proves that sleeping
// workers are woken, and that no thread takes two chunks before others got one.
TEST(ThreadPool, wakesSleepingWorkers) {
  constexpr uint32_t threads = 3;
  ThreadPool pool;
  ASSERT_EQ(pool.start(threads, defaultAllocator()), nullptr);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    std::atomic<uint32_t> inside{0};
    pool.run({[](void *argument, uint32_t, int64_t, int64_t) {
                auto &inside = *static_cast<std::atomic<uint32_t> *>(argument);
                ++inside;
                auto give =
                    std::chrono::steady_clock::now() + std::chrono::seconds(20);
                while (inside < threads &&
                       std::chrono::steady_clock::now() < give)
                  std::this_thread::yield();
              },
              &inside, threads, 1});
    EXPECT_EQ(inside, threads);
  }
}

TEST(ThreadPool, startsAndStopsQuickly) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(1 + i % 4, defaultAllocator()), nullptr);
    if (i % 2)
      continue;
    Counter counter(10);
    pool.run({Counter::body, &counter, 10, 1});
    EXPECT_TRUE(counter.allOnce());
  }
}

} // namespace
