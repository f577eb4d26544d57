// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one reduce op does to single lanes: its neutral element, its combining
// step and the last step.

#ifndef QOPT_LIB_EMISSION_REDUCTION_H
#define QOPT_LIB_EMISSION_REDUCTION_H

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/Lanes.h"

namespace qopt::emission {

struct Reduction {
  enum class Kind { sum, mean, max, min, product };
  Kind kind;
  mlir::Value operand;
  llvm::SmallVector<int64_t> axes; // ascending
  bool keepdims;

  /// Nullopt for an op that is no reduction.
  static std::optional<Reduction> of(mlir::Operation *op);

  int64_t rank() const;
  /// The axes that stay, ascending.
  llvm::SmallVector<int64_t> keptAxes() const;
  mlir::Value neutral(KernelBuilder &kb, Width width = Width::scalar) const;
  /// (partial result, element) -> partial result; also joins partial results.
  mlir::Value combine(KernelBuilder &kb, mlir::Value a, mlir::Value b) const;
  /// The result from the joined one and the number of elements (i64).
  mlir::Value finish(KernelBuilder &kb, mlir::Value result,
                     mlir::Value count) const;
};

/// Where a maximum starts: -inf, or the smallest value of an integer type.
mlir::Value lowestLane(KernelBuilder &kb, mlir::Type element,
                       Width width = Width::scalar);
/// Where a minimum starts.
mlir::Value highestLane(KernelBuilder &kb, mlir::Type element,
                        Width width = Width::scalar);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_REDUCTION_H
