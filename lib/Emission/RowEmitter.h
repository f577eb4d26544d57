// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of row ops (norms, softmax, quantize_rows) with elementwise ops
// before, between and after them; several results, f32 and codes.

#ifndef QOPT_LIB_EMISSION_ROWEMITTER_H
#define QOPT_LIB_EMISSION_ROWEMITTER_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Fails when the body is anything else.
mlir::LogicalResult emitRows(KernelBuilder &kb, mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_ROWEMITTER_H
