// The encoded element type `!lowbit.q<...>`.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_LOWBIT_LOWBITTYPES_H
#define QOPT_DIALECTS_LOWBIT_LOWBITTYPES_H

#include "lib/Numerics/FormatSpec.h"
#include "mlir/IR/BuiltinTypes.h"

#define GET_TYPEDEF_CLASSES
#include "dialects/LowBit/LowBitTypes.h.inc"

namespace qopt::lowbit {

/// The format of an encoded tensor value, or null.
QType getFormat(mlir::Type tensor);

/// The real type that decode of \p spec yields.
mlir::Type getRealType(mlir::MLIRContext *context,
                       const numerics::FormatSpec &spec);

} // namespace qopt::lowbit

#endif
