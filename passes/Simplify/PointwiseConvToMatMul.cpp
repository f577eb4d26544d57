// Convolutions that look at one pixel.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Movement.h"
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

/// The filter [O, 1, 1, C] as a weight [C, O] where it is an encoded constant
/// with one scale or one an output; otherwise null.
Value turnedEncoded(PatternRewriter &rewriter, Value filter) {
  auto decode = filter.getDefiningOp<lowbit::DecodeOp>();
  auto constant = decode ? decode.getQ().getDefiningOp<lowbit::ConstantOp>()
                         : lowbit::ConstantOp();
  if (!constant)
    return {};
  numerics::EncodedTensor tensor = lowbit::encodedTensorOf(constant);
  bool isChannel =
      tensor.spec.granularity == numerics::Granularity::Channel;
  if (isChannel ? tensor.spec.axis != 0
                : tensor.spec.granularity != numerics::Granularity::Tensor)
    return {};
  tensor.shape = {tensor.shape[0], tensor.shape[3]};
  return lowbit::createDecodedConstant(
      rewriter, constant.getLoc(), simplify::transposeEncoded(tensor, {1, 0}));
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
    if (!op.getFilter().hasOneUse())
      return rewriter.notifyMatchFailure(op, "filter has other readers");
    if (Value weight = turnedEncoded(rewriter, op.getFilter())) {
      rewriter.replaceOpWithNewOp<nn::MatMulOp>(op, op.getType(), op.getX(),
                                                weight);
      return success();
    }
    Type element = filter.getElementType();
    if (!view || !(element.isF32() || element.isInteger(8)))
      return rewriter.notifyMatchFailure(op, "filter is no constant");
    // [O, 1, 1, C] -> [C, O].
    simplify::TensorBytes turned = simplify::transposeConstant(
        *view, {filter.getDimSize(0), filter.getDimSize(3)}, {1, 0});
    Value weight = simplify::materialize(
        rewriter, op.getFilter().getLoc(), turned,
        simplify::constantName(op.getFilter(), "weight"));
    rewriter.replaceOpWithNewOp<nn::MatMulOp>(op, op.getType(), op.getX(),
                                              weight);
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
