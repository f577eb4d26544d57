// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels whose root is nn.matmul, nn.conv or lowbit.block_matmul, followed by
// elementwise ops on the root's shape.

#ifndef QOPT_LIB_EMISSION_CONTRACTIONEMITTER_H
#define QOPT_LIB_EMISSION_CONTRACTIONEMITTER_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Fails, having written nothing, when the body has no such root, when its
/// operands are of types without a fast kernel or its weights are neither
/// packed nor f32 matrices, or when what follows the root is not elementwise.
/// Depthwise convolutions are declined: they are no products of matrices.
mlir::LogicalResult emitContraction(KernelBuilder &kb, mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_CONTRACTIONEMITTER_H
