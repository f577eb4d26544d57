// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Bench.h"
#include <algorithm>
#include <cstdio>
#include <ctime>

using namespace qrun;

namespace {

struct Line {
  uint32_t command;
  qrt_command_info_t info;
  qrt_profile_t profile;
  std::vector<uint64_t> samples; // ns

  double median() {
    std::sort(samples.begin(), samples.end());
    return double(samples[samples.size() / 2]);
  }
};

Failure sample(Session &session, std::vector<Line> &lines) {
  if (Failure failure = session.run())
    return failure;
  for (Line &line : lines) {
    if (Failure failure =
            qrt_context_profile(session.context, line.command, &line.profile))
      return failure;
    line.samples.push_back(line.profile.nanoseconds);
  }
  return {};
}

Failure collect(Session &session, const Options &options,
                std::vector<Line> &lines) {
  for (uint32_t i = 0; i < session.info().command_count; ++i) {
    Line line = {i, {}, {}, {}};
    if (Failure failure = qrt_model_command(session.model, i, &line.info))
      return failure;
    if (line.info.kind != QRT_COMMAND_TAP)
      lines.push_back(std::move(line));
  }
  for (int64_t i = 0; i < options.warmup; ++i)
    if (Failure failure = session.run())
      return failure;
  qrt_context_set_profiling(session.context, 1);
  timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  Failure failure;
  do {
    failure = sample(session, lines);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (!failure && double(now.tv_sec - start.tv_sec) +
                               double(now.tv_nsec - start.tv_nsec) * 1e-9 <
                           options.duration);
  qrt_context_set_profiling(session.context, 0);
  return failure;
}

void print(std::vector<Line> &lines, double total, JsonWriter *json) {
  if (json)
    json->beginList("profile");
  else
    std::printf("%10s %6s %8s %8s %7s  %s\n", "us", "share", "GB/s", "GOPS",
                "units", "node (kernel: what)");
  for (Line &line : lines) {
    double ns = line.median(), share = total ? 100 * ns / total : 0;
    double bandwidth = ns ? double(line.profile.bytes) / ns : 0;
    double rate = ns ? double(line.profile.work) / ns : 0;
    const char *kernel = line.info.kind == QRT_COMMAND_BRANCH ? "branch"
                         : line.info.kind == QRT_COMMAND_LOOP ? "loop"
                         : *line.info.kernel                  ? line.info.kernel
                                                              : "copy";
    if (!json) {
      std::string work = line.profile.work ? format("%.1f", rate) : "-";
      std::printf("%10.2f %5.1f%% %8.1f %8s %7lld  %s (%s: %s)\n", ns * 1e-3,
                  share, bandwidth, work.c_str(), (long long)line.profile.units,
                  line.info.name, kernel, line.info.description);
      continue;
    }
    json->begin().string("node", line.info.name).string("kernel", kernel);
    json->string("description", line.info.description);
    json->number("us", ns * 1e-3).number("share_percent", share);
    json->number("gb_per_s", bandwidth).integer("units", line.profile.units);
    if (line.profile.work)
      json->number("gops", rate);
    json->end();
  }
  if (json)
    json->end();
  else
    std::printf("%10.2f total of %zu commands\n", total * 1e-3, lines.size());
}

} // namespace

Failure qrun::profile(Session &session, const Options &options,
                      JsonWriter *json) {
  std::vector<Line> lines;
  if (Failure failure = collect(session, options, lines))
    return failure;
  double total = 0;
  for (Line &line : lines)
    total += line.median();
  // median() has sorted the samples. Slowest first, else program order.
  auto key = [](const Line &line) {
    return std::pair(~line.samples[line.samples.size() / 2], line.command);
  };
  std::sort(lines.begin(), lines.end(),
            [&](const Line &a, const Line &b) { return key(a) < key(b); });
  print(lines, total, json);
  return {};
}
