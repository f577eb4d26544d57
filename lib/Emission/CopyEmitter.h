// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of one gather, concat or constant pad: runs of contiguous elements.

#ifndef QOPT_LIB_EMISSION_COPYEMITTER_H
#define QOPT_LIB_EMISSION_COPYEMITTER_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Fails when the body is anything else.
mlir::LogicalResult emitCopy(KernelBuilder &kb, mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_COPYEMITTER_H
