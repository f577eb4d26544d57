// Variances without cancellation.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Passes.h"
#include <cmath>

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_CENTREVARIANCEPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

struct Mean {
  Value x;
  ArrayRef<int64_t> axes;
  bool keepdims;
};

template <typename OpTy> std::optional<Mean> matchReduction(Value value) {
  auto op = value.getDefiningOp<OpTy>();
  if (!op)
    return std::nullopt;
  return Mean{op.getX(), op.getAxes(), op.getKeepdims()};
}

/// How many elements one mean is of; nothing if that is not fixed.
std::optional<double> countOf(const Mean &mean) {
  double count = 1;
  for (int64_t axis : mean.axes) {
    if (typeOf(mean.x).isDynamicDim(axis))
      return std::nullopt;
    count *= double(typeOf(mean.x).getDimSize(axis));
  }
  return count;
}

/// A mean, also as the sum over the number of elements. A constant of more axes
/// than the sum would make it another shape.
std::optional<Mean> matchMean(Value value) {
  if (auto mean = matchReduction<nn::ReduceMeanOp>(value))
    return mean;
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<nn::MulOp, nn::DivOp>(op))
    return std::nullopt;
  auto sum = matchReduction<nn::ReduceSumOp>(op->getOperand(0));
  auto factor = scalarConstant(op->getOperand(1));
  auto count = sum ? countOf(*sum) : std::nullopt;
  if (!factor || !count || value.getType() != op->getOperand(0).getType())
    return std::nullopt;
  double product = isa<nn::MulOp>(op) ? *factor * *count : *count / *factor;
  return std::fabs(product - 1) < 1e-6 ? sum : std::nullopt;
}

/// x of `x * x` or `x ^ 2`.
Value matchSquare(Value value) {
  if (auto mul = value.getDefiningOp<nn::MulOp>())
    return mul.getLhs() == mul.getRhs() ? mul.getLhs() : Value();
  auto pow = value.getDefiningOp<nn::PowOp>();
  bool isSquare = pow && scalarConstant(pow.getRhs()) == 2.0 &&
                  pow.getLhs().getType() == value.getType();
  return isSquare ? pow.getLhs() : Value();
}

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
