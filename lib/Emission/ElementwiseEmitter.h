// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of elementwise ops, transposes, slices and broadcasts: one pass over
// the iteration space, 16 lanes along its last group of axes.

#ifndef QOPT_LIB_EMISSION_ELEMENTWISEEMITTER_H
#define QOPT_LIB_EMISSION_ELEMENTWISEEMITTER_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Fails (with functions half written, see KernelBuilder::discard) when the
/// body is anything else.
mlir::LogicalResult emitElementwise(KernelBuilder &kb, mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_ELEMENTWISEEMITTER_H
