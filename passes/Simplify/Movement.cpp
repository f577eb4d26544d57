// Reshapes and transposes: making and merging.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Simplify/Movement.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::simplify;

Sizes qopt::simplify::sizesOf(OpBuilder &builder, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto made = tensor.getDefiningOp<nn::ReshapeOp>();
  size_t next = 0;
  Sizes sizes;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (!type.isDynamicDim(axis))
      sizes.push_back(builder.getIndexAttr(type.getDimSize(axis)));
    else if (made && next < made.getSizes().size())
      sizes.push_back(made.getSizes()[next]);
    else
      sizes.push_back(builder.createOrFold<tensor::DimOp>(loc, tensor, axis));
    // The operands of a reshape are its dynamic sizes, in order.
    if (made && ShapedType::isDynamic(made.getStaticSizes()[axis]))
      ++next;
  }
  return sizes;
}

Value qopt::simplify::reshape(OpBuilder &builder, Location loc, Value x,
                              ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamic;
  SmallVector<int64_t> fixed;
  dispatchIndexOpFoldResults(sizes, dynamic, fixed);
  return nn::ReshapeOp::create(builder, loc, x, dynamic,
                               builder.getDenseI64ArrayAttr(fixed));
}

Value qopt::simplify::transpose(OpBuilder &builder, Location loc, Value x,
                                ArrayRef<int64_t> perm) {
  if (isIdentity(perm))
    return x;
  return nn::TransposeOp::create(builder, loc, x,
                                 builder.getDenseI64ArrayAttr(perm));
}

SmallVector<int64_t> qopt::simplify::inverse(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> result(perm.size());
  for (auto [i, axis] : llvm::enumerate(perm))
    result[axis] = i;
  return result;
}

bool qopt::simplify::isIdentity(ArrayRef<int64_t> perm) {
  return llvm::equal(perm, llvm::seq<int64_t>(0, perm.size()));
}

bool qopt::simplify::movesOnlyUnitAxes(ArrayRef<int64_t> shape,
                                       ArrayRef<int64_t> perm) {
  SmallVector<int64_t> others;
  for (int64_t axis : perm)
    if (shape[axis] != 1)
      others.push_back(axis);
  return llvm::is_sorted(others);
}

namespace {

struct MergeTransposes : OpRewritePattern<nn::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    if (isIdentity(op.getPerm())) {
      rewriter.replaceOp(op, op.getX());
      return success();
    }
    auto inner = op.getX().getDefiningOp<nn::TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "its operand is no transpose");
    SmallVector<int64_t> perm;
    for (int64_t axis : op.getPerm())
      perm.push_back(inner.getPerm()[axis]);
    rewriter.replaceOp(op,
                       transpose(rewriter, op.getLoc(), inner.getX(), perm));
    return success();
  }
};

struct UnitTransposeIsReshape : OpRewritePattern<nn::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getX().getType());
    if (!movesOnlyUnitAxes(type.getShape(), op.getPerm()))
      return rewriter.notifyMatchFailure(op, "it moves data");
    Sizes from = sizesOf(rewriter, op.getLoc(), op.getX()), to;
    for (int64_t axis : op.getPerm())
      to.push_back(from[axis]);
    rewriter.replaceOp(op, reshape(rewriter, op.getLoc(), op.getX(), to));
    return success();
  }
};

/// Whether a reshape gives its operand the shape it already has: with at most
/// one dynamic size that one is determined by the others.
bool keepsShape(nn::ReshapeOp op) {
  auto from = cast<RankedTensorType>(op.getX().getType());
  auto to = cast<RankedTensorType>(op.getResult().getType());
  return from == to && from.getNumDynamicDims() <= 1;
}

struct MergeReshapes : OpRewritePattern<nn::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    if (keepsShape(op)) {
      rewriter.replaceOp(op, op.getX());
      return success();
    }
    auto inner = op.getX().getDefiningOp<nn::ReshapeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "its operand is no reshape");
    rewriter.modifyOpInPlace(op,
                             [&] { op.getXMutable().assign(inner.getX()); });
    return success();
  }
};
} // namespace

void qopt::simplify::populateMergeMovementPatterns(
    RewritePatternSet &patterns) {
  patterns.add<MergeTransposes, UnitTransposeIsReshape, MergeReshapes>(
      patterns.getContext());
}
