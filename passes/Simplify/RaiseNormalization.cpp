// Recognizes layer and RMS normalization spelled out in arithmetic.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_RAISENORMALIZATIONPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The operand of a mean over the last axis alone, kept as size 1.
Value matchRowMean(Value value) {
  auto mean = value.getDefiningOp<nn::ReduceMeanOp>();
  if (!mean || !mean.getKeepdims() || mean.getAxes().size() != 1 ||
      mean.getAxes()[0] != typeOf(mean.getX()).getRank() - 1)
    return {};
  return mean.getX();
}

/// x of `x * x` or `x ^ 2`.
Value matchSquare(Value value) {
  if (auto mul = value.getDefiningOp<nn::MulOp>())
    return mul.getLhs() == mul.getRhs() ? mul.getLhs() : Value();
  if (auto pow = value.getDefiningOp<nn::PowOp>())
    return scalarConstant(pow.getRhs()) == 2.0 ? pow.getLhs() : Value();
  return {};
}

/// The other operand of `value + scalar`, and the scalar.
std::optional<std::pair<Value, double>> matchPlusScalar(Value value) {
  auto add = value.getDefiningOp<nn::AddOp>();
  if (!add)
    return std::nullopt;
  if (auto scalar = scalarConstant(add.getRhs()))
    return std::make_pair(add.getLhs(), *scalar);
  if (auto scalar = scalarConstant(add.getLhs()))
    return std::make_pair(add.getRhs(), *scalar);
  return std::nullopt;
}

/// `numerator / sqrt(radicand)` in any spelling.
struct Quotient {
  Value numerator, radicand;
};

Value matchInverseRoot(Value value) {
  if (auto rsqrt = value.getDefiningOp<nn::RsqrtOp>())
    return rsqrt.getX();
  Value root;
  if (auto reciprocal = value.getDefiningOp<nn::ReciprocalOp>())
    root = reciprocal.getX();
  else if (auto div = value.getDefiningOp<nn::DivOp>())
    root = scalarConstant(div.getLhs()) == 1.0 ? div.getRhs() : Value();
  else if (auto pow = value.getDefiningOp<nn::PowOp>())
    return scalarConstant(pow.getRhs()) == -0.5 ? pow.getLhs() : Value();
  auto sqrt = root ? root.getDefiningOp<nn::SqrtOp>() : nn::SqrtOp();
  return sqrt ? sqrt.getX() : Value();
}

std::optional<Quotient> matchQuotient(Operation *op) {
  if (auto div = dyn_cast<nn::DivOp>(op)) {
    if (auto sqrt = div.getRhs().getDefiningOp<nn::SqrtOp>())
      return Quotient{div.getLhs(), sqrt.getX()};
    if (auto pow = div.getRhs().getDefiningOp<nn::PowOp>())
      if (scalarConstant(pow.getRhs()) == 0.5)
        return Quotient{div.getLhs(), pow.getLhs()};
    return std::nullopt;
  }
  if (auto mul = dyn_cast<nn::MulOp>(op)) {
    if (Value radicand = matchInverseRoot(mul.getRhs()))
      return Quotient{mul.getLhs(), radicand};
    if (Value radicand = matchInverseRoot(mul.getLhs()))
      return Quotient{mul.getRhs(), radicand};
  }
  return std::nullopt;
}

/// x of `x - mean(x)` over rows.
Value matchCentred(Value value) {
  auto sub = value.getDefiningOp<nn::SubOp>();
  if (!sub || matchRowMean(sub.getRhs()) != sub.getLhs())
    return {};
  return sub.getLhs();
}

/// A vector along the last axis of \p x, of rank 1; null if \p value is none.
Value matchRowVector(Value value, Value x) {
  RankedTensorType type = typeOf(value);
  int64_t length = typeOf(x).getShape().back();
  if (type.getRank() != 1 || type.getDimSize(0) != length ||
      ShapedType::isDynamic(length))
    return {};
  return value;
}

/// The only user of \p op if it is a \p OpTy with a row vector, and that
/// vector.
template <typename OpTy> std::pair<OpTy, Value> matchVectorUser(Operation *op) {
  if (!op->hasOneUse())
    return {};
  auto user = dyn_cast<OpTy>(*op->getUsers().begin());
  if (!user)
    return {};
  Value result = op->getResult(0);
  Value other = user.getLhs() == result ? user.getRhs() : user.getLhs();
  Value vector = matchRowVector(other, result);
  if (!vector)
    return {};
  return {user, vector};
}

Value ones(PatternRewriter &rewriter, Location loc, Value x) {
  auto type = RankedTensorType::get(typeOf(x).getShape().back(),
                                    typeOf(x).getElementType());
  return arith::ConstantOp::create(rewriter, loc,
                                   DenseElementsAttr::get(type, 1.0f));
}

/// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) [* gain [+ bias]].
struct RaiseNorm : RewritePattern {
  explicit RaiseNorm(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa<nn::MulOp, nn::DivOp>(op))
      return failure();
    std::optional<Quotient> quotient = matchQuotient(op);
    auto radicand =
        quotient ? matchPlusScalar(quotient->radicand) : std::nullopt;
    Value squares = radicand ? matchRowMean(radicand->first) : Value();
    Value numerator = squares ? matchSquare(squares) : Value();
    if (!numerator)
      return rewriter.notifyMatchFailure(op, "no mean of squares over rows");
    RankedTensorType type = typeOf(quotient->numerator);
    if (!type.getElementType().isF32() ||
        ShapedType::isDynamic(type.getShape().back()))
      return rewriter.notifyMatchFailure(op, "expects f32 rows of fixed size");
    Value x = matchCentred(quotient->numerator);
    bool centred = x && matchCentred(numerator) == x;
    if (!centred) {
      if (numerator != quotient->numerator)
        return rewriter.notifyMatchFailure(op, "not the squares of its own");
      x = numerator;
    }
    auto [mul, gain] = matchVectorUser<nn::MulOp>(op);
    auto [add, bias] = centred && mul ? matchVectorUser<nn::AddOp>(mul)
                                      : std::pair<nn::AddOp, Value>();
    Operation *last = add ? add.getOperation() : mul ? mul.getOperation() : op;
    rewriter.setInsertionPoint(last);
    if (!gain)
      gain = ones(rewriter, op->getLoc(), x);
    auto epsilon = rewriter.getF32FloatAttr(float(radicand->second));
    if (centred)
      rewriter.replaceOpWithNewOp<nn::LayerNormOp>(last, x, gain, bias,
                                                   epsilon);
    else
      rewriter.replaceOpWithNewOp<nn::RMSNormOp>(last, x, gain, epsilon);
    return success();
  }
};

struct RaiseNormalization
    : qopt::impl::RaiseNormalizationPassBase<RaiseNormalization> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseNorm>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
