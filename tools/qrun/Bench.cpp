// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Bench.h"
#include <algorithm>
#include <cstdio>
#include <ctime>

using namespace qrun;

// However short the duration.
static constexpr size_t leastRuns = 5;

static double seconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

Failure qrun::bench(Session &session, const Options &options,
                    JsonWriter *json) {
  for (int64_t i = 0; i < options.warmup; ++i)
    if (Failure failure = session.run())
      return failure;
  std::vector<double> times; // ms
  double sum = 0, start = seconds(), end = start;
  while (end - start < options.duration || times.size() < leastRuns) {
    double begin = seconds();
    if (Failure failure = session.run())
      return failure;
    end = seconds();
    times.push_back((end - begin) * 1e3);
    sum += times.back();
  }
  std::sort(times.begin(), times.end());
  size_t count = times.size();
  double median = (times[(count - 1) / 2] + times[count / 2]) / 2;
  double mean = sum / double(count), p90 = times[(count - 1) * 9 / 10];
  qrt_model_info_t info = session.info();
  qrt_context_stats_t stats = session.stats();
  if (!json) {
    std::printf("median %.4f ms, min %.4f, mean %.4f, 90 %% below %.4f; "
                "%zu runs, %u threads, %s\n",
                median, times[0], mean, p90, count, stats.threads, info.isa);
    return {};
  }
  json->number("median_ms", median).number("min_ms", times[0]);
  json->number("mean_ms", mean).number("p90_ms", p90);
  json->integer("runs", int64_t(count)).integer("warmup", options.warmup);
  json->integer("threads", stats.threads).string("isa", info.isa);
  json->integer("arena_bytes", int64_t(stats.arena_bytes));
  json->integer("scratch_bytes", int64_t(stats.scratch_bytes));
  json->integer("weight_bytes", int64_t(info.weight_bytes));
  json->integer("file_bytes", int64_t(info.file_bytes));
  return {};
}
