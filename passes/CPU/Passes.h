// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes of phase CPU.

#ifndef QOPT_PASSES_CPU_PASSES_H
#define QOPT_PASSES_CPU_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace qopt {

#define GEN_PASS_DECL
#include "passes/CPU/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/CPU/Passes.h.inc"

} // namespace qopt

#endif // QOPT_PASSES_CPU_PASSES_H
