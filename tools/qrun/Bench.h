// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Time: of whole runs, and of every kernel.
#ifndef QRUN_BENCH_H
#define QRUN_BENCH_H

#include "Session.h"

namespace qrun {

// The inputs are set. `json` null: text on stdout.
Failure bench(Session &session, const Options &options, JsonWriter *json);
Failure profile(Session &session, const Options &options, JsonWriter *json);

} // namespace qrun

#endif // QRUN_BENCH_H
