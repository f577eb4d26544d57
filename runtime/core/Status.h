// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a function of the runtime fails: it returns a status, NULL for success.
#ifndef QRT_CORE_STATUS_H
#define QRT_CORE_STATUS_H

#include "qrt/qrt.h"

namespace qrt {

// Formats like printf. Never NULL: when memory runs out, a static status says
// so.
[[gnu::format(printf, 2, 3)]] qrt_status_t makeStatus(qrt_code_t code,
                                                      const char *format, ...);

// The same code, "context: message". Consumes `status`.
qrt_status_t addContext(qrt_status_t status, const char *context);

} // namespace qrt

#define QRT_TRY(expression)                                                    \
  do {                                                                         \
    if (qrt_status_t status_ = (expression))                                   \
      return status_;                                                          \
  } while (0)

#endif // QRT_CORE_STATUS_H
