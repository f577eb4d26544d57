// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of budgets.
#include "lib/Analysis/Budget.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/StringSwitch.h"
#include <algorithm>
#include <cmath>

using namespace llvm;

namespace qopt {
namespace {

std::optional<double> unitOf(StringRef unit) {
  double factor = StringSwitch<double>(unit)
                      .Cases({"", "B"}, 1)
                      .Case("KiB", 1024)
                      .Case("MiB", 1024.0 * 1024)
                      .Case("GiB", 1024.0 * 1024 * 1024)
                      .Case("KB", 1e3)
                      .Case("MB", 1e6)
                      .Case("GB", 1e9)
                      .Default(0);
  return factor ? std::optional(factor) : std::nullopt;
}

Expected<int64_t> parseSize(StringRef text) {
  StringRef number =
      text.take_while([](char c) { return isDigit(c) || c == '.'; });
  double value = 0;
  std::optional<double> unit = unitOf(text.drop_front(number.size()).trim());
  if (number.empty() || number.getAsDouble(value) || !unit ||
      value * *unit > 1e18 || value * *unit < 1)
    return fail(ExitCode::Usage,
                "--budget: expected a size such as 200KiB or 1.5MiB, got '{0}'",
                text);
  return int64_t(value * *unit);
}

// "26dB" below the outputs' energy, or "5%" of their size.
Expected<double> parseError(StringRef text) {
  double value = 0;
  StringRef number = text;
  bool isPercent = number.consume_back("%");
  bool isKnown = isPercent || number.consume_back("dB");
  if (!isKnown || number.trim().getAsDouble(value) || !(value > 0) ||
      !(value <= 1000))
    return fail(ExitCode::Usage,
                "--budget: expected an error such as 26dB or 5%, got '{0}'",
                text);
  double error = isPercent ? value * value / 1e4 : std::pow(10.0, -value / 10);
  // Below what floats of different kernels differ by anyway.
  return std::max(error, 1e-14);
}

} // namespace

Expected<Budget> parseBudget(StringRef text) {
  Budget budget;
  if (text.empty())
    return budget;
  SmallVector<StringRef> clauses;
  text.split(clauses, ',');
  for (StringRef clause : clauses) {
    auto [key, value] = clause.split('=');
    key = key.trim();
    if ((key == "size" && budget.bytes) || (key == "error" && budget.error))
      return fail(ExitCode::Usage, "--budget: '{0}' is given twice", key);
    if (key == "size") {
      Expected<int64_t> bytes = parseSize(value.trim());
      if (!bytes)
        return bytes.takeError();
      budget.bytes = *bytes;
    } else if (key == "error") {
      Expected<double> error = parseError(value.trim());
      if (!error)
        return error.takeError();
      budget.error = *error;
    } else {
      return fail(ExitCode::Usage,
                  "--budget: expected size=SIZE or error=ERROR, got '{0}'",
                  clause);
    }
  }
  return budget;
}

} // namespace qopt
