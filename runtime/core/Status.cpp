// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Status.h"
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

struct qrt_status {
  qrt_code_t code;
  bool isStatic;
  char message[480];
};

static qrt_status outOfMemory = {QRT_RESOURCES, true, "out of memory"};

qrt_status_t qrt::makeStatus(qrt_code_t code, const char *format, ...) {
  auto *status = static_cast<qrt_status *>(std::malloc(sizeof(qrt_status)));
  if (!status)
    return &outOfMemory;
  status->code = code;
  status->isStatic = false;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(status->message, sizeof(status->message), format, arguments);
  va_end(arguments);
  return status;
}

qrt_status_t qrt::addContext(qrt_status_t status, const char *context) {
  qrt_status_t longer =
      makeStatus(status->code, "%s: %s", context, status->message);
  qrt_status_free(status);
  return longer;
}

qrt_code_t qrt_status_code(qrt_status_t status) {
  return status ? status->code : QRT_OK;
}

const char *qrt_status_message(qrt_status_t status) {
  return status ? status->message : "";
}

void qrt_status_free(qrt_status_t status) {
  if (status && !status->isStatic)
    std::free(status);
}
