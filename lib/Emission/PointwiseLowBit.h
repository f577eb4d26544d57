// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The elementwise ops of lowbit on lanes: quantize, dequantize, requantize,
// rescale. As lib/Numerics/Quantize.h.

#ifndef QOPT_LIB_EMISSION_POINTWISELOWBIT_H
#define QOPT_LIB_EMISSION_POINTWISELOWBIT_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Null for an op that is not elementwise.
mlir::Value emitLowBitPointwise(KernelBuilder &kb, mlir::Operation *op,
                                mlir::ValueRange lanes);

/// The smallest and largest code of an element type of at most 32 bits.
struct CodeRange {
  int64_t low, high;
  static CodeRange of(mlir::Type element);
};

/// roundeven(clamp(x, low - zero, high - zero)) + zero in i32 lanes; NaN
/// encodes as `zero` (i32 lanes). Clamping precedes the conversion.
mlir::Value emitEncode(KernelBuilder &kb, mlir::Value x, mlir::Value zero,
                       CodeRange range);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_POINTWISELOWBIT_H
