// The passes of phase Calibrate.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_CALIBRATE_PASSES_H
#define QOPT_PASSES_CALIBRATE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace qopt {

#define GEN_PASS_DECL
#include "passes/Calibrate/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Calibrate/Passes.h.inc"

} // namespace qopt

#endif
