// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of budgets and rules.
#include "lib/Support/Errors.h"
#include "passes/Allocate/Passes.h"
#include "llvm/ADT/StringSwitch.h"

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
                "budget: expected a size such as 200KiB or 1.5MiB, got '{0}'",
                text);
  return int64_t(value * *unit);
}

} // namespace

Expected<Budget> parseBudget(StringRef text) {
  Budget budget;
  SmallVector<StringRef> clauses;
  text.split(clauses, ',', -1, false);
  for (StringRef clause : clauses) {
    auto [key, value] = clause.split('=');
    if (key.trim() != "size")
      return fail(ExitCode::Usage,
                  "budget: expected size=SIZE, got '{0}'", clause);
    Expected<int64_t> bytes = parseSize(value.trim());
    if (!bytes)
      return bytes.takeError();
    budget.bytes = *bytes;
  }
  return budget;
}

std::optional<AllocateRule> parseAllocateRule(StringRef name) {
  return StringSwitch<std::optional<AllocateRule>>(name)
      .Case("ilp", AllocateRule::Ilp)
      .Case("largest-first", AllocateRule::LargestFirst)
      .Default(std::nullopt);
}

} // namespace qopt
