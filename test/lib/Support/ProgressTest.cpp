// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The progress line shows phase and count, and keeps silent when told.
#include "lib/Support/Progress.h"
#include <gtest/gtest.h>

using namespace qopt;

TEST(Progress, ShowsPhaseAndCount) {
  std::string text;
  llvm::raw_string_ostream os(text);
  {
    Progress progress(Progress::When::Always, os);
    progress.start("calibrate", 2);
    progress.advance(2);
  }
  EXPECT_NE(text.find("calibrate 2/2"), std::string::npos);
  EXPECT_EQ(text.substr(text.size() - 4), "\r\x1b[K");
}

TEST(Progress, SilentWhenNever) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Progress progress(Progress::When::Never, os);
  progress.start("calibrate", 2);
  progress.advance();
  progress.finish();
  EXPECT_TRUE(text.empty());
}
