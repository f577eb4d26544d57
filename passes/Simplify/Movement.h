// Making reshapes and transposes inside rewrites, and judging them.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_SIMPLIFY_MOVEMENT_H
#define QOPT_PASSES_SIMPLIFY_MOVEMENT_H

#include "dialects/NN/NNOps.h"
#include "lib/Numerics/TensorCodec.h"
#include "mlir/IR/PatternMatch.h"

namespace qopt::simplify {

using Sizes = llvm::SmallVector<mlir::OpFoldResult>;

/// The sizes of \p tensor: constants, the operands of the reshape that made it,
/// or tensor.dim.
Sizes sizesOf(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor);

mlir::Value reshape(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x,
                    llvm::ArrayRef<mlir::OpFoldResult> sizes);
mlir::Value transpose(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value x, llvm::ArrayRef<int64_t> perm);

/// The permutation that undoes \p perm.
llvm::SmallVector<int64_t> inverse(llvm::ArrayRef<int64_t> perm);
bool isIdentity(llvm::ArrayRef<int64_t> perm);

/// True when only axes of size 1 change places: the elements stay in order.
bool movesOnlyUnitAxes(llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<int64_t> perm);

/// Patterns that merge chains of reshapes and of transposes, drop those that do
/// nothing, and turn a transpose of unit axes into a reshape.
void populateMergeMovementPatterns(mlir::RewritePatternSet &patterns);
/// Patterns that move transposes, and reshapes before pointwise ops, towards
/// their users.
void populateSinkTransposePatterns(mlir::RewritePatternSet &patterns);

/// Patterns by which encoded constants take over transposes and reshapes.
void populateEncodedMovementPatterns(mlir::RewritePatternSet &patterns);
/// \p tensor with axes permuted: result axis i is its axis perm[i].
numerics::EncodedTensor
transposeEncoded(const numerics::EncodedTensor &tensor,
                 llvm::ArrayRef<int64_t> perm);

/// Patterns by which contractions take over padding and transposes.
void populateAbsorbMovementPatterns(mlir::RewritePatternSet &patterns);

} // namespace qopt::simplify

#endif
