// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a qopt process tells the shell. The same numbers travel inside errors,
// so that whoever finds a problem decides how the process ends.
#pragma once

namespace qopt {

enum class ExitCode : int {
  Ok = 0,
  Internal = 1,    // a defect of ours
  Usage = 2,       // bad command line
  BadModel = 3,    // bad model or bad calibration data
  Unsupported = 4, // an operation we do not implement
  Resources = 5,   // memory or another limit
  IO = 6,          // a file could not be read or written
  Integrity = 7,   // an artifact does not match its hashes
  Accuracy = 8,    // the accuracy gate was missed
};

} // namespace qopt
