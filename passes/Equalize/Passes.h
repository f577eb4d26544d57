// The passes of phase Equalize.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_EQUALIZE_PASSES_H
#define QOPT_PASSES_EQUALIZE_PASSES_H

#include "lib/Calibration/Statistics.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace qopt {

struct EqualizeOptions {
  // Owned by the caller; may be null. Statistics of values that change are
  // rescaled; what cannot be (histograms) is dropped.
  Statistics *statistics = nullptr;
};

// nn -> equivalent nn that is easier to quantize.
void buildEqualizePipeline(mlir::OpPassManager &pm,
                           const EqualizeOptions &options);

std::unique_ptr<mlir::Pass>
createSmoothChannelsPass(const EqualizeOptions &options);
std::unique_ptr<mlir::Pass>
createEqualizeLayersPass(const EqualizeOptions &options);

#define GEN_PASS_DECL
#include "passes/Equalize/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Equalize/Passes.h.inc"

} // namespace qopt

#endif
