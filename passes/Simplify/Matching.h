// What several patterns of this phase look for.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_SIMPLIFY_MATCHING_H
#define QOPT_PASSES_SIMPLIFY_MATCHING_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace qopt::simplify {

inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}

/// The mean of \p x over \p axes.
struct Mean {
  mlir::Value x;
  llvm::ArrayRef<int64_t> axes;
  bool keepdims;
};

/// A mean, also as the sum over the number of elements; nullopt where that is
/// not fixed, or a constant of more axes than the sum gives it another shape.
std::optional<Mean> matchMean(mlir::Value value);

/// x of `x * x` or `x ^ 2`, of the same shape; null if \p value is neither.
mlir::Value matchSquare(mlir::Value value);

} // namespace qopt::simplify

#endif
