// Convolutions that look at one pixel.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_POINTWISECONVTOMATMULPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;

namespace {

bool allAre(ArrayRef<int64_t> values, int64_t expected) {
  return llvm::all_of(values, [=](int64_t v) { return v == expected; });
}

/// filter [O, 1, 1, C] -> rhs [C, O].
Value transposedFilter(PatternRewriter &rewriter, Value filter) {
  auto type = cast<RankedTensorType>(filter.getType());
  int64_t outputs = type.getDimSize(0), inputs = type.getDimSize(3);
  std::vector<float> from = *nn::ConstantView::of(filter)->values<float>();
  std::vector<float> to(from.size());
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t c = 0; c < inputs; ++c)
      to[c * outputs + o] = from[o * inputs + c];
  return nn::createConstant(
      rewriter, filter.getLoc(),
      RankedTensorType::get({inputs, outputs}, type.getElementType()), to,
      simplify::constantName(filter, "weight"));
}

struct PointwiseConv : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConvOp op,
                                PatternRewriter &rewriter) const override {
    auto filter = cast<RankedTensorType>(op.getFilter().getType());
    if (!filter.hasStaticShape() || filter.getDimSize(1) != 1 ||
        filter.getDimSize(2) != 1 || op.getGroups() != 1)
      return rewriter.notifyMatchFailure(op, "not 1x1, or grouped");
    if (!allAre(op.getStrides(), 1) || !allAre(op.getPads(), 0))
      return rewriter.notifyMatchFailure(op, "strided or padded");
    // A matmul wants its weight transposed: only a constant is, at no cost. A
    // filter with other readers would be stored twice.
    std::optional<nn::ConstantView> view =
        nn::ConstantView::of(op.getFilter());
    if (!view || !filter.getElementType().isF32() ||
        !op.getFilter().hasOneUse())
      return rewriter.notifyMatchFailure(op, "filter is no f32 constant of its own");
    rewriter.replaceOpWithNewOp<nn::MatMulOp>(
        op, op.getType(), op.getX(),
        transposedFilter(rewriter, op.getFilter()));
    return success();
  }
};

struct PointwiseConvToMatMul
    : qopt::impl::PointwiseConvToMatMulPassBase<PointwiseConvToMatMul> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PointwiseConv>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
