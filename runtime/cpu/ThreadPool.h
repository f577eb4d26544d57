// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Persistent worker threads that share out the units of one kernel at a time.
//
// Kernels are short (tens of microseconds) and follow one another closely, so
// workers spin for a while before they sleep, the calling thread works, too,
// and nobody waits for a worker that has not started: the caller leaves as
// soon as all chunks are finished, whoever finished them.
#ifndef QRT_CPU_THREADPOOL_H
#define QRT_CPU_THREADPOOL_H

#include "runtime/core/Memory.h"
#include <atomic>
#include <pthread.h>

namespace qrt {

// One parallel loop: body(argument, thread, begin, end) for disjoint ranges
// that cover [0, units). Chunks have `grain` units.
struct ParallelLoop {
  void (*body)(void *argument, uint32_t thread, int64_t begin, int64_t end);
  void *argument;
  int64_t units;
  int64_t grain;
};

class ThreadPool {
public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool &) = delete;
  ~ThreadPool();

  // `threads` counts the calling thread: 1 starts no worker.
  qrt_status_t start(uint32_t threads, const qrt_allocator_t &allocator);
  uint32_t size() const { return threadCount; }

  // Returns when all units are done. Thread 0 is the caller.
  void run(const ParallelLoop &loop);

private:
  struct Worker {
    ThreadPool *pool;
    uint32_t index;
    pthread_t thread;
  };
  static void *enter(void *worker);
  void work(uint32_t thread);
  void sleep(uint64_t seen);
  bool runChunk(uint32_t thread);

  // Generation of the loop << 32 | chunks not yet claimed.
  alignas(64) std::atomic<uint64_t> state{0};
  alignas(64) std::atomic<uint32_t> unfinished{0};
  alignas(64) std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stopping{false};
  // Written only while no chunk is unfinished, read only by who claimed one.
  alignas(64) ParallelLoop loop = {};
  uint32_t chunks = 0;
  uint32_t threadCount = 1;
  uint32_t started = 0;
  Array<Worker> workers;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
};

// CPUs that this process may use: by affinity and by its control group.
uint32_t availableCpus();

} // namespace qrt

#endif // QRT_CPU_THREADPOOL_H
