// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants inside kernel bodies: small tables that travel in the code image.

#ifndef QOPT_LIB_EMISSION_CONSTANTEMITTER_H
#define QOPT_LIB_EMISSION_CONSTANTEMITTER_H

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/Lanes.h"

namespace qopt::emission {

/// The address of the data of \p constant (an arith.constant tensor) in the
/// image's read-only section. Null if its data is not at hand.
mlir::Value emitConstantPointer(KernelBuilder &kb, mlir::Value constant);

/// The lane that every element of \p constant holds; null if they differ.
mlir::Value emitConstantSplat(KernelBuilder &kb, mlir::Value constant,
                              Width width);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_CONSTANTEMITTER_H
