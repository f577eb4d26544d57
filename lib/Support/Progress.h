// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A progress line on a terminal's standard error: phase, items done, elapsed
// time. Where standard error is no terminal nothing is written, so that logs
// and pipes stay clean. Safe to use from several threads.
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace qopt {

class Progress {
public:
  enum class When { OnTerminal, Never, Always };

  explicit Progress(When when = When::OnTerminal,
                    llvm::raw_ostream &os = llvm::errs());
  ~Progress() { finish(); }
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Starts a phase of `items` steps (0: unknown) and forgets the last one.
  void start(llvm::StringRef phase, uint64_t items = 0);
  /// Counts `items` more steps; redraws at most ten times a second.
  void advance(uint64_t items = 1);
  /// Clears the line. The next start() draws a new one.
  void finish();

  bool isEnabled() const { return enabled; }

private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);

  llvm::raw_ostream &os;
  bool enabled;
  bool drawn = false;
  std::mutex mutex;
  std::string phase;
  uint64_t done = 0, total = 0;
  Clock::time_point begin, lastDrawn;
};

} // namespace qopt
