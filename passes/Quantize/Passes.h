// The passes of phase Quantize.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_QUANTIZE_PASSES_H
#define QOPT_PASSES_QUANTIZE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace qopt {

#define GEN_PASS_DECL
#include "passes/Quantize/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Quantize/Passes.h.inc"

} // namespace qopt

#endif
