// The passes of phase Calibrate.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_CALIBRATE_PASSES_H
#define QOPT_PASSES_CALIBRATE_PASSES_H

#include "lib/Calibration/DataSet.h"
#include "lib/Calibration/RangeChoice.h"
#include "lib/Calibration/Statistics.h"
#include "lib/Execution/CompileAndRun.h"
#include "lib/Support/ExitCode.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <functional>

namespace qopt {

struct CalibrateOptions {
  // All owned by the caller and alive while the pipeline runs. Without data or
  // runner no statistics are gathered.
  DataSet *data = nullptr;
  CompileAndRun *runner = nullptr;
  Statistics *statistics = nullptr;
  RangeOptions range;
  // Receives the first batches, `samplesKept` of them.
  std::vector<std::vector<HostTensor>> *samples = nullptr;
  size_t samplesKept = 2;
  // Called after each batch.
  std::function<void()> progress;
  // Receives the exit code of an error; its text is a diagnostic.
  ExitCode *exitCode = nullptr;
};

// nn -> nn whose values carry ids and ranges, and statistics beside it.
void buildCalibratePipeline(mlir::OpPassManager &pm,
                            const CalibrateOptions &options);

std::unique_ptr<mlir::Pass> createCollectStatisticsPass(CalibrateOptions);
std::unique_ptr<mlir::Pass> createAttachRangesPass(CalibrateOptions);

// What @main's arguments declare, by `nn.name` (or "input0", ...).
llvm::Expected<std::vector<InputSpec>> inputSpecsOf(mlir::ModuleOp module);

#define GEN_PASS_DECL
#include "passes/Calibrate/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Calibrate/Passes.h.inc"

} // namespace qopt

#endif
