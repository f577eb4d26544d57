// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of every elementwise op, once, for scalar and vector code:
// the op's ODS description states it, these functions emit it.

#ifndef QOPT_LIB_EMISSION_POINTWISEEMITTER_H
#define QOPT_LIB_EMISSION_POINTWISEEMITTER_H

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/Lanes.h"

namespace qopt::emission {

/// Whether emitPointwise knows \p op.
bool isPointwise(mlir::Operation *op);

/// The lanes of the op's result, given those of its tensor operands (each as
/// computeType says, all scalars or all vectors).
mlir::FailureOr<mlir::Value>
emitPointwise(KernelBuilder &kb, mlir::Operation *op, mlir::ValueRange lanes);

/// Conversion of lanes between element types, with the rules of nn.cast.
mlir::Value emitCast(KernelBuilder &kb, mlir::Type from, mlir::Type to,
                     mlir::Value lanes, bool overflow = false);

/// The same bits as lanes of another element type, by nn.bit_cast.
mlir::Value emitBitCast(KernelBuilder &kb, mlir::Type from, mlir::Type to,
                        mlir::Value lanes);

/// Between f32 lanes and the codes of a narrow float type (see Lanes.h).
mlir::Value emitNarrowEncode(KernelBuilder &kb, mlir::Type to, mlir::Value x,
                             bool overflow);
mlir::Value emitNarrowDecode(KernelBuilder &kb, mlir::Type from,
                             mlir::Value codes);

/// Pieces of stated arithmetic other emitters share. Floats; NaN passes on.
mlir::Value emitMax(KernelBuilder &kb, mlir::Type element, mlir::Value a,
                    mlir::Value b);
mlir::Value emitMin(KernelBuilder &kb, mlir::Type element, mlir::Value a,
                    mlir::Value b);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_POINTWISEEMITTER_H
