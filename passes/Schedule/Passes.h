// The passes of phase Schedule.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_SCHEDULE_PASSES_H
#define QOPT_PASSES_SCHEDULE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace qopt {

#define GEN_PASS_DECL
#include "passes/Schedule/Passes.h.inc"

struct ScheduleOptions {
  /// False leaves weights as they are (the -O0 witness).
  bool packWeights = true;
};

/// exec.kernel regions -> kernel definitions and an exec.program.
void buildSchedule(mlir::OpPassManager &pm, const ScheduleOptions &options = {});

#define GEN_PASS_REGISTRATION
#include "passes/Schedule/Passes.h.inc"

} // namespace qopt

#endif
