// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Failure.h"
#include <cstdarg>
#include <cstdio>

std::string qrun::format(const char *text, ...) {
  va_list arguments, again;
  va_start(arguments, text);
  va_copy(again, arguments);
  int size = std::vsnprintf(nullptr, 0, text, arguments);
  std::string result(size > 0 ? size : 0, '\0');
  if (size > 0)
    std::vsnprintf(result.data(), result.size() + 1, text, again);
  va_end(again);
  va_end(arguments);
  return result;
}
