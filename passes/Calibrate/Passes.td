// The passes of phase Calibrate.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_CALIBRATE_TD
#define QOPT_PASSES_CALIBRATE_TD

include "mlir/Pass/PassBase.td"

#endif
