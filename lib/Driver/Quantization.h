// Phases 3 to 6: what is known of a model's values, and the formats chosen from
// it.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_DRIVER_QUANTIZATION_H
#define QOPT_LIB_DRIVER_QUANTIZATION_H

#include "lib/Driver/Compiler.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Allocate/Passes.h"
#include "passes/Calibrate/Passes.h"
#include "passes/Quantize/Passes.h"

namespace qopt {

/// The state those phases share. Each does nothing when the options ask for no
/// quantization.
class Quantization {
public:
  Quantization(const CompileOptions &options, Progress &progress)
      : options(options), progress(progress) {}

  llvm::Error calibrate(mlir::ModuleOp module);
  llvm::Error equalize(mlir::ModuleOp module);
  llvm::Error allocate(mlir::ModuleOp module);
  llvm::Error quantize(mlir::ModuleOp module);

  /// What was decided: layers and sizes.
  void addTo(CompileReport &report) const;

private:
  bool isWanted() const;
  llvm::Error keepSample(llvm::ArrayRef<InputSpec> inputs);
  llvm::Expected<std::vector<FormatOverride>> overrides() const;

  const CompileOptions &options;
  Progress &progress;
  Statistics statistics;
  SampleBatches samples; // The first rows, to measure with.
  QuantPlan plan;
  AllocationReport allocation;
  QuantizeReport layers;
};

} // namespace qopt

#endif
