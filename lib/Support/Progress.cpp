// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The progress line.
#include "lib/Support/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"

using namespace llvm;

namespace qopt {

Progress::Progress(When when, raw_ostream &os)
    : os(os), enabled(when == When::Always ||
                      (when == When::OnTerminal &&
                       sys::Process::StandardErrIsDisplayed())) {}

void Progress::start(StringRef name, uint64_t items) {
  if (!enabled)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  phase = name.str();
  done = 0;
  total = items;
  begin = Clock::now();
  draw(begin);
}

void Progress::advance(uint64_t items) {
  if (!enabled)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  done += items;
  Clock::time_point now = Clock::now();
  if (now - lastDrawn >= std::chrono::milliseconds(100) || done == total)
    draw(now);
}

void Progress::finish() {
  if (!enabled)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  if (drawn)
    os << "\r\x1b[K";
  os.flush();
  drawn = false;
}

void Progress::draw(Clock::time_point now) {
  // Erase to the end of the line: the phase before may have been longer.
  os << "\r\x1b[K" << phase;
  if (total)
    os << ' ' << done << '/' << total;
  else if (done)
    os << ' ' << done;
  double seconds = std::chrono::duration<double>(now - begin).count();
  os << format(" %.1f s", seconds);
  os.flush();
  drawn = true;
  lastDrawn = now;
}

} // namespace qopt
