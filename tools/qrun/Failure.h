// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How qrun fails: an exit code and a message for the user.
#ifndef QRUN_FAILURE_H
#define QRUN_FAILURE_H

#include "qrt/qrt.h"
#include <string>
#include <utility>

namespace qrun {

enum ExitCode {
  ExitOk = 0,
  ExitInternal = 1,
  ExitUsage = 2,
  ExitBadInput = 3,
  ExitResources = 5,
  ExitIO = 6,
  ExitIntegrity = 7,
  ExitAccuracy = 8,
};

// True if something failed: `if (Failure f = step()) return f;`
struct Failure {
  int code = ExitOk;
  std::string message;

  Failure() = default;
  Failure(int code, std::string message)
      : code(code), message(std::move(message)) {}
  // Takes the status over; its codes are exit codes.
  Failure(qrt_status_t status)
      : code(qrt_status_code(status)), message(qrt_status_message(status)) {
    qrt_status_free(status);
  }
  explicit operator bool() const { return code != ExitOk; }
};

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char *text, ...);

} // namespace qrun

#endif // QRUN_FAILURE_H
