// Phase Fuse, as a table of contents.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Fuse/Passes.h"

using namespace mlir;

void qopt::buildFuse(OpPassManager &pm, const FuseOptions &options) {
  // encode, decode -> integer contractions, quantize, dequantize.
  pm.addNestedPass<func::FuncOp>(createStateArithmeticPass());
  // Equal encodings of one value (Q, K and V read the same rows) -> one.
  pm.addPass(createCSEPass());
  // ops -> exec.kernel regions.
  pm.addNestedPass<func::FuncOp>(
      createFormKernelsPass(FormKernelsPassOptions{options.fuse}));
  // Sizes nobody asks for any more -> gone.
  pm.addPass(createCSEPass());
}
