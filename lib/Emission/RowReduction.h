// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The fixed tree that joins 16 partial results: 8, 4, 2, 1.

#ifndef QOPT_LIB_EMISSION_ROWREDUCTION_H
#define QOPT_LIB_EMISSION_ROWREDUCTION_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Lane i joins lane i + 8, then i + 4, i + 2, i + 1; returns the scalar.
mlir::Value
joinPartials(KernelBuilder &kb, mlir::Value partials,
             llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);

/// \p lanes where they are live, \p neutral elsewhere.
mlir::Value maskDead(KernelBuilder &kb, mlir::Value lanes, LiveLanes live,
                     mlir::Value neutral);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_ROWREDUCTION_H
