// The passes of phase Quantize.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_QUANTIZE_TD
#define QOPT_PASSES_QUANTIZE_TD

include "mlir/Pass/PassBase.td"

#endif
