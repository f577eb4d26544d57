// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The value a lane holds while arithmetic is done on it, and the way there and
// back from memory. Codes and other 8-bit integers are computed on as i32:
//
//   in memory   ui8  i8   i4(byte)  i1(byte)  i32  i64  index  f32  f8(code)
//   in a lane   i32  i32  i32       i1        i32  i64  i64    f32  i32

#ifndef QOPT_LIB_EMISSION_LANES_H
#define QOPT_LIB_EMISSION_LANES_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// How many elements one access moves: 1 (scalars) or KernelBuilder::lanes.
enum class Width { scalar, vector };

/// Whether \p element is a float of 8 bits or less. Lanes hold its codes: it
/// has no arithmetic, only conversions.
bool isNarrowFloat(mlir::Type element);
/// Those and bf16: their lanes are i32 codes.
bool isCodedFloat(mlir::Type element);

/// The type of a lane that holds a tensor element of type \p element.
mlir::Type computeType(mlir::Type element);
/// computeType, as a vector where \p width asks for one.
mlir::Type computeType(mlir::Type element, Width width);

/// Element `index` of the array at \p base as a lane (or 16 of them).
mlir::Value loadLane(KernelBuilder &kb, mlir::Type element, mlir::Value base,
                     mlir::Value index, Width width, LiveLanes live = {});
/// The reverse. Integers narrow by truncation: producers have clamped.
void storeLane(KernelBuilder &kb, mlir::Type element, mlir::Value value,
               mlir::Value base, mlir::Value index, LiveLanes live = {});
/// Scalar to \p width lanes.
mlir::Value broadcastLane(KernelBuilder &kb, mlir::Value scalar, Width width);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_LANES_H
