// Evaluates nn ops on constant operands.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_SIMPLIFY_CONSTANTEVALUATOR_H
#define QOPT_PASSES_SIMPLIFY_CONSTANTEVALUATOR_H

#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"

namespace qopt::simplify {

/// A tensor in memory, as arith.constant will hold it.
struct TensorBytes {
  mlir::RankedTensorType type;
  std::vector<char> bytes;
};

/// The result of an op whose tensor operands are all constants; nullopt when
/// the op is not one we evaluate, or the result would be much larger than what
/// it is made of.
std::optional<TensorBytes> evaluateOp(mlir::Operation *op);

/// \p x, seen under \p shape, with axes permuted as by nn.transpose.
TensorBytes transposeConstant(const nn::ConstantView &x,
                              llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<int64_t> perm);

/// An arith.constant of \p tensor: a splat where all elements are equal.
mlir::Value materialize(mlir::OpBuilder &builder, mlir::Location loc,
                        const TensorBytes &tensor, llvm::StringRef name);

/// The name of the resource behind a constant, or \p otherwise.
std::string constantName(mlir::Value constant, llvm::StringRef otherwise);

/// The value of a float or integer constant whose elements are all equal.
std::optional<double> scalarConstant(mlir::Value value);

} // namespace qopt::simplify

#endif
