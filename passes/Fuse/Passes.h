// The passes of phase Fuse.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_FUSE_PASSES_H
#define QOPT_PASSES_FUSE_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace qopt {

#define GEN_PASS_DECL
#include "passes/Fuse/Passes.h.inc"

struct FuseOptions {
  /// False gives every op a kernel of its own.
  bool fuse = true;
};

/// Quantized nn on tensors -> exec.kernel regions whose arithmetic is stated.
void buildFuse(mlir::OpPassManager &pm, const FuseOptions &options = {});

#define GEN_PASS_REGISTRATION
#include "passes/Fuse/Passes.h.inc"

} // namespace qopt

#endif
