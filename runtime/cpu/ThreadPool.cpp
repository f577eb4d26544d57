// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cpu/ThreadPool.h"
#include "runtime/cpu/FloatState.h"
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace qrt;

// A pause takes 10 to 50 ns: spin for about 50 us, then let others run on this
// CPU for a few hundred more, then sleep.
static constexpr int pauses = 2000, yields = 200;

static void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// CPUs' worth of time that the control group of this process is granted, e.g.
// "150000 100000" (microseconds of each period) is two; 0 if it is not limited.
// A container sees its own group at this place.
static uint32_t grantedCpus() {
  uint64_t numbers[2] = {};
#if defined(__linux__)
  int file = open("/sys/fs/cgroup/cpu.max", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0;
  char text[64];
  ssize_t size = read(file, text, sizeof(text) - 1);
  close(file);
  text[size > 0 ? size : 0] = '\0';
  char *next = text;
  for (uint64_t &number : numbers)
    number = std::strtoull(next, &next, 10); // "max" is 0
#endif
  return numbers[1] ? uint32_t((numbers[0] + numbers[1] - 1) / numbers[1]) : 0;
}

static uint32_t affineCpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return uint32_t(CPU_COUNT(&set));
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? uint32_t(online) : 1;
}

uint32_t qrt::availableCpus() {
  uint32_t affine = affineCpus(), granted = grantedCpus();
  return granted && granted < affine ? granted : affine;
}

qrt_status_t ThreadPool::start(uint32_t threads,
                               const qrt_allocator_t &allocator) {
  threadCount = threads;
  QRT_TRY(workers.allocate(allocator, threads - 1));
  // Signals are for the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (; started < threads - 1 && !error; started += !error) {
    Worker &worker = workers[started];
    worker.pool = this;
    worker.index = started + 1;
    error = pthread_create(&worker.thread, nullptr, enter, &worker);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error)
    return makeStatus(QRT_RESOURCES, "cannot start thread %u of %u: %s",
                      started + 2, threads, std::strerror(error));
  return nullptr;
}

ThreadPool::~ThreadPool() {
  pthread_mutex_lock(&mutex);
  stopping.store(true);
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&mutex);
  for (uint32_t i = 0; i < started; ++i)
    pthread_join(workers[i].thread, nullptr);
}

void *ThreadPool::enter(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  FloatState standard;
  worker->pool->work(worker->index);
  return nullptr;
}

// Claims a chunk and runs it; false if none is left.
bool ThreadPool::runChunk(uint32_t thread) {
  uint64_t seen = state.load(std::memory_order_acquire);
  do {
    if (uint32_t(seen) == 0)
      return false;
  } while (!state.compare_exchange_weak(
      seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire));
  int64_t begin = int64_t(chunks - uint32_t(seen)) * loop.grain;
  int64_t end =
      loop.units - begin < loop.grain ? loop.units : begin + loop.grain;
  loop.body(loop.argument, thread, begin, end);
  unfinished.fetch_sub(1, std::memory_order_release);
  return true;
}

// Sleeps until there is a loop that differs from the one in `seen`.
void ThreadPool::sleep(uint64_t seen) {
  pthread_mutex_lock(&mutex);
  // Announced before looking again: run() publishes the loop before it looks
  // for sleepers, so one of the two sees the other.
  sleepers.fetch_add(1);
  while (state.load() == seen && !stopping.load())
    pthread_cond_wait(&wake, &mutex);
  sleepers.fetch_sub(1);
  pthread_mutex_unlock(&mutex);
}

void ThreadPool::work(uint32_t thread) {
  int idle = 0;
  while (!stopping.load(std::memory_order_relaxed)) {
    if (runChunk(thread)) {
      idle = 0;
      continue;
    }
    ++idle;
    if (idle < pauses) {
      relax();
    } else if (idle < pauses + yields) {
      sched_yield();
    } else {
      uint64_t seen = state.load();
      if (uint32_t(seen) == 0)
        sleep(seen);
      idle = 0;
    }
  }
}

void ThreadPool::run(const ParallelLoop &next) {
  int64_t count = next.units <= 0 ? 0 : (next.units - 1) / next.grain + 1;
  if (count <= 1 || threadCount == 1) {
    if (count > 0)
      next.body(next.argument, 0, 0, next.units);
    return;
  }
  loop = next;
  chunks = uint32_t(count);
  unfinished.store(chunks, std::memory_order_relaxed);
  uint64_t generation = (state.load(std::memory_order_relaxed) >> 32) + 1;
  state.store(generation << 32 | chunks);
  if (sleepers.load() > 0) {
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&mutex);
  }
  while (runChunk(0)) {
  }
  for (int idle = 0; unfinished.load(std::memory_order_acquire) != 0; ++idle)
    idle < pauses ? relax() : void(sched_yield());
}
