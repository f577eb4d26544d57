// Variances without cancellation.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/Matching.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_CENTREVARIANCEPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

/// mean(x^2) - mean(x)^2 -> mean((x - mean(x))^2).
struct CentreVariance : OpRewritePattern<nn::SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SubOp op,
                                PatternRewriter &rewriter) const override {
    auto squares = matchMean(op.getLhs());
    Value x = squares ? matchSquare(squares->x) : Value();
    Value root = matchSquare(op.getRhs());
    auto mean = root ? matchMean(root) : std::nullopt;
    if (!x || !mean || mean->x != x || mean->axes != squares->axes ||
        mean->keepdims != squares->keepdims ||
        !isa<FloatType>(typeOf(x).getElementType()))
      return rewriter.notifyMatchFailure(op, "no mean(x^2) - mean(x)^2");
    Location loc = op.getLoc();
    SmallVector<int64_t> kept(typeOf(x).getShape());
    for (int64_t axis : mean->axes)
      kept[axis] = 1;
    auto axes = rewriter.getDenseI64ArrayAttr(mean->axes);
    Value centre = nn::ReduceMeanOp::create(
        rewriter, loc, typeOf(x).clone(kept), x, axes, true);
    Value centred =
        nn::SubOp::create(rewriter, loc, x.getType(), x, centre);
    Value energy =
        nn::MulOp::create(rewriter, loc, x.getType(), centred, centred);
    rewriter.replaceOpWithNewOp<nn::ReduceMeanOp>(op, op.getType(), energy,
                                                  axes, mean->keepdims);
    return success();
  }
};

struct CentreVariancePass
    : qopt::impl::CentreVariancePassBase<CentreVariancePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<CentreVariance>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
