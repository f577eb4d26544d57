// The passes of phase Allocate.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_ALLOCATE_PASSES_H
#define QOPT_PASSES_ALLOCATE_PASSES_H

#include "lib/Analysis/Budget.h"
#include "lib/Analysis/QuantPlan.h"
#include "lib/Calibration/Statistics.h"
#include "lib/Support/ExitCode.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/Allocate/AllocationReport.h"
#include "passes/Allocate/DivergenceMeter.h"
#include <functional>

namespace qopt {

enum class AllocateRule : uint8_t { Ilp, LargestFirst };
std::optional<AllocateRule> parseAllocateRule(llvm::StringRef name);

struct AllocateOptions {
  Budget budget;
  AllocateRule rule = AllocateRule::Ilp;
  // Weights it names are decided; the rest is allocated.
  QuantPlan given;
  std::vector<FormatOverride> overrides; // Stronger than `given`.
  // Bytes the artifact takes beside its constants, if known.
  int64_t overheadBytes = 0;
  // Relative output error below which a float weight buys nothing: what the
  // integer kernels' speed is held to be worth.
  double floatPenalty = 1e-3;
  // Where the budget names no error: how far 8 bits may move the outputs before
  // layers stay float, as in a budget.
  double defaultError = 0.01;
  // How inputs of contractions are coded.
  ActivationMode activations = ActivationMode::Auto;
  // Choose each activation's range by what the outputs show; else those that are
  // attached stay.
  bool searchRanges = false;
  // Owned by the caller; may be null.
  const Statistics *statistics = nullptr;
  // With both, errors are measured at the network's outputs.
  const SampleBatches *samples = nullptr;
  CompileAndRun *runner = nullptr;
  std::function<void()> progress; // Called after each measurement.
  QuantPlan *plan = nullptr; // Receives every weight's format.
  AllocationReport *report = nullptr;
  // Predict errors even where nothing has to be chosen.
  bool predictAlways = false;
  // Receives the exit code of an error; its text is a diagnostic.
  ExitCode *exitCode = nullptr;
};

// nn -> nn whose contractions carry the formats of their weights.
void buildAllocatePipeline(mlir::OpPassManager &pm,
                           const AllocateOptions &options);

std::unique_ptr<mlir::Pass>
createAllocateFormatsPass(const AllocateOptions &options);

#define GEN_PASS_DECL
#include "passes/Allocate/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Allocate/Passes.h.inc"

} // namespace qopt

#endif
