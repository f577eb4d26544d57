// Data movement that a contraction takes over: padding, and the order of rows.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/Constants.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Matching.h"
#include "passes/Simplify/Movement.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::simplify;

namespace {

/// conv(pad(x)) -> conv(x) with larger pads, for zeros around the image.
struct FoldPadIntoConv : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConvOp op,
                                PatternRewriter &rewriter) const override {
    auto pad = op.getX().getDefiningOp<nn::PadOp>();
    if (!pad || pad.getMode() != nn::PadMode::constant ||
        !pad.getValue().isZero() || op.getPadValue() != 0)
      return rewriter.notifyMatchFailure(op, "no padding with zeros");
    ArrayRef<int64_t> low = pad.getLow(), high = pad.getHigh();
    if (low[0] || high[0] || low[3] || high[3])
      return rewriter.notifyMatchFailure(op, "images or channels are padded");
    SmallVector<int64_t> pads(op.getPads());
    for (int64_t axis : {0, 1}) {
      pads[axis] += low[axis + 1];
      pads[axis + 2] += high[axis + 1];
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.getXMutable().assign(pad.getX());
      op.setPadsAttr(rewriter.getDenseI64ArrayAttr(pads));
    });
    return success();
  }
};

/// matmul(reshape(transpose(x)), W) -> matmul(reshape(x), W'), the rows of W in
/// the order of x: a classifier on a flattened image.
struct FoldFlattenedTranspose : OpRewritePattern<nn::MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::MatMulOp op,
                                PatternRewriter &rewriter) const override {
    auto flat = op.getLhs().getDefiningOp<nn::ReshapeOp>();
    auto transposed =
        flat ? flat.getX().getDefiningOp<nn::TransposeOp>() : nn::TransposeOp();
    std::optional<nn::ConstantView> weight = nn::ConstantView::of(op.getRhs());
    if (!transposed || !weight || !flat->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no flattened transpose");
    RankedTensorType from = typeOf(transposed.getResult());
    RankedTensorType to = typeOf(flat.getResult());
    ArrayRef<int64_t> perm = transposed.getPerm();
    // One row an image, made of all its other axes.
    if (to.getRank() != 2 || typeOf(op.getRhs()).getRank() != 2 ||
        perm[0] != 0 || from.getDimSize(0) != to.getDimSize(0) ||
        from.getNumDynamicDims() > (from.isDynamicDim(0) ? 1 : 0))
      return rewriter.notifyMatchFailure(op, "not one row an image");
    // W seen as [axes of the transposed image..., outputs], turned back.
    SmallVector<int64_t> shape(from.getShape().drop_front()), back;
    shape.push_back(to.getRank() == 2 ? typeOf(op.getRhs()).getDimSize(1) : 1);
    for (int64_t axis : inverse(perm))
      if (axis != 0)
        back.push_back(axis - 1);
    back.push_back(shape.size() - 1);
    TensorBytes turned = transposeConstant(*weight, shape, back);
    turned.type = typeOf(op.getRhs());
    Value rows = materialize(rewriter, op.getRhs().getLoc(), turned,
                             constantName(op.getRhs(), "weight"));
    Value x = reshape(
        rewriter, flat.getLoc(), transposed.getX(),
        getMixedValues(flat.getStaticSizes(), flat.getSizes(), rewriter));
    rewriter.modifyOpInPlace(op, [&] {
      op.getLhsMutable().assign(x);
      op.getRhsMutable().assign(rows);
    });
    return success();
  }
};
} // namespace

void qopt::simplify::populateAbsorbMovementPatterns(
    RewritePatternSet &patterns) {
  patterns.add<FoldPadIntoConv, FoldFlattenedTranspose>(patterns.getContext());
}
