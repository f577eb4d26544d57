// Turns an exec.program into the command table of an artifact.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_ARTIFACT_PROGRAMPACKAGER_H
#define QOPT_ARTIFACT_PROGRAMPACKAGER_H

#include "dialects/Exec/ExecOps.h"
#include "lib/Artifact/ArtifactBuilder.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt::artifact {

/// Adds the kernels, tensors, weights, expressions and commands of the one
/// exec.program in \p module. Code images are the caller's to add; weights stay
/// in the module, which must live until the artifact is written.
llvm::LogicalResult packageProgram(mlir::ModuleOp module,
                                   ArtifactBuilder &builder);

} // namespace qopt::artifact

#endif
