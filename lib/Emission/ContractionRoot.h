// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From nn.matmul, nn.conv and lowbit.block_matmul to a ContractionProblem.

#ifndef QOPT_LIB_EMISSION_CONTRACTIONROOT_H
#define QOPT_LIB_EMISSION_CONTRACTIONROOT_H

#include "lib/Emission/Contraction.h"
#include "lib/Emission/KernelShapes.h"

namespace qopt::emission {

/// The contraction of a kernel's body.
struct ContractionRoot {
  mlir::Operation *op;
  ContractionProblem problem;
  /// exec.unpack_panels ops it reads through.
  llvm::SmallVector<mlir::Operation *> unpacks;
};

/// The body's one contraction, if there is a kernel for it. \p shapes must
/// outlive the problem.
std::optional<ContractionRoot> matchContractionRoot(mlir::Block &body,
                                                    KernelShapes &shapes);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_CONTRACTIONROOT_H
