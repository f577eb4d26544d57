// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 16 vectors of 16 lanes, transposed in registers.

#ifndef QOPT_LIB_EMISSION_TRANSPOSE16_H
#define QOPT_LIB_EMISSION_TRANSPOSE16_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Lane j of result i is lane i of row j.
llvm::SmallVector<mlir::Value> transpose16(KernelBuilder &kb,
                                           llvm::ArrayRef<mlir::Value> rows);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_TRANSPOSE16_H
