// Phase Schedule, as a table of contents.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Schedule/Passes.h"

using namespace mlir;

void qopt::buildSchedule(OpPassManager &pm, const ScheduleOptions &options) {
  // constant operands of contractions -> panels.
  if (options.packWeights)
    pm.addNestedPass<func::FuncOp>(createPackWeightsPass());
  // kernels in a function -> kernel definitions, launched by a program.
  pm.addPass(createOutlineProgramPass());
  // Index arithmetic nobody needs -> gone.
  pm.addPass(createCSEPass());
}
