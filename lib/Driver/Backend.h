// Phases 7 to 10 for a module whose formats are decided: kernels, program, code
// and artifact. Used for the final artifact and for running things while
// compiling.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_DRIVER_BACKEND_H
#define QOPT_LIB_DRIVER_BACKEND_H

#include "lib/Artifact/ArtifactBuilder.h"
#include "lib/Emission/Targets.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

namespace qopt {

struct BackendOptions {
  /// 0: every op a scalar loop nest of its own. 2: fused and scheduled.
  unsigned optLevel = 2;
  /// Code is generated for each.
  std::vector<const emission::TargetIsa *> isas;
};

/// Quantized or plain nn in @main -> kernels in @main.
llvm::Error runFuse(mlir::ModuleOp module, const BackendOptions &options);
/// Kernels in @main -> kernel definitions and a program.
llvm::Error runSchedule(mlir::ModuleOp module, const BackendOptions &options);
/// The kernel definitions of a scheduled module as machine code for \p isa.
llvm::Expected<artifact::CodeImage>
generateCode(mlir::ModuleOp scheduled, const emission::TargetIsa &isa,
             unsigned optLevel);
/// Adds the program to \p builder. The module must outlive it.
llvm::Error packageModule(mlir::ModuleOp scheduled,
                          artifact::ArtifactBuilder &builder);

/// Runs \p pipeline-building code over \p module with diagnostics collected:
/// an error carries all of them.
llvm::Error
runPipeline(mlir::ModuleOp module, llvm::StringRef phase,
            llvm::function_ref<void(mlir::OpPassManager &)> build);

/// Errors of \p action, with the names users gave to nodes.
llvm::Error collectDiagnostics(mlir::MLIRContext *context,
                               llvm::StringRef phase,
                               llvm::function_ref<llvm::LogicalResult()> action);

} // namespace qopt

#endif
