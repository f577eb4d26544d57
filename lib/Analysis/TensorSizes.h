// The sizes of every tensor of a function as index values that depend only on
// the function's arguments.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_ANALYSIS_TENSORSIZES_H
#define QOPT_LIB_ANALYSIS_TENSORSIZES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace qopt {

/// The argument attribute that names the symbols of dynamic dimensions: an
/// array with one string an axis, "" where there is none. Equal names are
/// equal sizes.
inline constexpr llvm::StringLiteral kDimSymbolsAttr = "nn.dims";

/// Computes sizes in one walk over a single-block function. Creates index
/// arithmetic before the op whose sizes it gives and replaces every `tensor.dim`
/// of an intermediate value. Equal expressions become one value, so that sizes
/// can be compared by comparing values.
class TensorSizes {
public:
  /// Fails, with an error at the op, when an op cannot tell its sizes.
  static mlir::FailureOr<TensorSizes> compute(mlir::func::FuncOp func);

  /// One entry an axis: an IntegerAttr or an index value.
  llvm::ArrayRef<mlir::OpFoldResult> of(mlir::Value tensor) const;
  /// The index values of the dynamic axes of \p tensor, in order.
  llvm::SmallVector<mlir::Value> dynamicSizes(mlir::Value tensor) const;
  /// True when both have the same rank and provably the same sizes.
  bool haveSameShape(mlir::Value a, mlir::Value b) const;

private:
  mlir::LogicalResult visit(mlir::Operation *op);
  mlir::OpFoldResult resolve(mlir::OpFoldResult size);

  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::OpFoldResult>> sizes;
  // Index op seen before: name and operands -> its result.
  std::map<std::pair<std::string, std::vector<void *>>, mlir::Value> interned;
  mlir::Block *entry = nullptr;
};

} // namespace qopt

#endif
