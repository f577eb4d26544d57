// The passes of phase Simplify.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_SIMPLIFY_PASSES_H
#define QOPT_PASSES_SIMPLIFY_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace qopt {

#define GEN_PASS_DECL
#include "passes/Simplify/Passes.h.inc"

/// nn as exported -> nn in few, large ops, channels last, constants folded.
void buildSimplify(mlir::OpPassManager &pm);

#define GEN_PASS_REGISTRATION
#include "passes/Simplify/Passes.h.inc"

} // namespace qopt

#endif
