// The passes of phase Quantize.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_QUANTIZE_PASSES_H
#define QOPT_PASSES_QUANTIZE_PASSES_H

#include "lib/Analysis/Contractions.h"
#include "lib/Analysis/QuantPlan.h"
#include "lib/Calibration/Statistics.h"
#include "lib/Support/ExitCode.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace qopt {

// What became of one matmul or conv.
struct LayerReport {
  std::string id;
  std::string weight;     // Its format; empty if it stays float.
  std::string activation; // "static", "dynamic" or empty.
  std::string reason;     // Why it stays float.
  int64_t floatBytes = 0, bytes = 0; // Of the weight, scales included.
};

struct QuantizeReport {
  std::vector<LayerReport> layers;
};

struct QuantizeOptions {
  ActivationMode activations = ActivationMode::Auto;
  QuantPlan plan;
  std::vector<FormatOverride> overrides; // Stronger than the plan.
  // Owned by the caller; may be null.
  const Statistics *statistics = nullptr;
  QuantizeReport *report = nullptr;
  // Receives the exit code of an error; its text is a diagnostic.
  ExitCode *exitCode = nullptr;
};

// nn -> nn on decoded codes.
void buildQuantizePipeline(mlir::OpPassManager &pm,
                           const QuantizeOptions &options);

std::unique_ptr<mlir::Pass>
createQuantizeContractionsPass(const QuantizeOptions &options);

// "static", "dynamic" or "auto".
std::optional<ActivationMode> parseActivationMode(llvm::StringRef name);

#define GEN_PASS_DECL
#include "passes/Quantize/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Quantize/Passes.h.inc"

} // namespace qopt

#endif
