// Recognizes layer and RMS normalization spelled out in arithmetic.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Matching.h"
#include "passes/Simplify/Passes.h"
#include <tuple>

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_RAISENORMALIZATIONPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

/// Looks through reshapes that only append an axis of 1: what exporters of
/// TensorFlow and JAX write for kept axes.
Value stripKeptAxis(Value value) {
  auto reshape = value.getDefiningOp<nn::ReshapeOp>();
  if (!reshape)
    return value;
  ArrayRef<int64_t> from = typeOf(reshape.getX()).getShape(),
                    to = typeOf(value).getShape();
  // Of two open sizes one could not tell whether they stay in their places.
  if (to.size() != from.size() + 1 || to.back() != 1 ||
      to.drop_back() != from || llvm::count(from, ShapedType::kDynamic) > 1)
    return value;
  return reshape.getX();
}

/// x of the mean of x over the last axis alone.
Value matchRowMean(Value value) {
  std::optional<Mean> mean = matchMean(stripKeptAxis(value));
  if (!mean || mean->axes.size() != 1 ||
      mean->axes[0] != typeOf(mean->x).getRank() - 1)
    return {};
  return mean->x;
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

/// `numerator / sqrt(radicand) [* gain]` in any spelling; the gain is there
/// where it is multiplied with the root first.
struct Quotient {
  Value numerator, radicand, gain;
};

Value matchInverseRoot(Value value) {
  value = stripKeptAxis(value);
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

/// `1 / sqrt(radicand) [* gain]`, the gain a vector along the last axis.
struct RowFactor {
  Value radicand, gain;
};

std::optional<RowFactor> matchRowFactor(Value value) {
  if (Value radicand = matchInverseRoot(value))
    return RowFactor{radicand, {}};
  auto mul = value.getDefiningOp<nn::MulOp>();
  if (!mul)
    return std::nullopt;
  for (auto [root, gain] : {std::pair(mul.getLhs(), mul.getRhs()),
                            std::pair(mul.getRhs(), mul.getLhs())})
    if (Value radicand = matchInverseRoot(root))
      if (typeOf(gain).getRank() == 1 &&
          typeOf(gain).getDimSize(0) == typeOf(value).getShape().back())
        return RowFactor{radicand, gain};
  return std::nullopt;
}

std::optional<Quotient> matchQuotient(Operation *op) {
  if (auto div = dyn_cast<nn::DivOp>(op)) {
    if (auto sqrt = div.getRhs().getDefiningOp<nn::SqrtOp>())
      return Quotient{div.getLhs(), sqrt.getX(), {}};
    if (auto pow = div.getRhs().getDefiningOp<nn::PowOp>())
      if (scalarConstant(pow.getRhs()) == 0.5)
        return Quotient{div.getLhs(), pow.getLhs(), {}};
    return std::nullopt;
  }
  if (auto mul = dyn_cast<nn::MulOp>(op))
    for (auto [numerator, factor] : {std::pair(mul.getLhs(), mul.getRhs()),
                                     std::pair(mul.getRhs(), mul.getLhs())})
      if (std::optional<RowFactor> row = matchRowFactor(factor))
        return Quotient{numerator, row->radicand, row->gain};
  return std::nullopt;
}

/// x of `x - mean(x)` over rows.
Value matchCentred(Value value) {
  auto sub = value.getDefiningOp<nn::SubOp>();
  if (!sub || matchRowMean(sub.getRhs()) != sub.getLhs())
    return {};
  return sub.getLhs();
}

/// The rows whose spread a value is.
struct Spread {
  Value x;
  bool centred; // The variance; else the mean of squares.
};

std::optional<Spread> matchSpread(Value value) {
  value = stripKeptAxis(value);
  // Below zero by rounding only.
  if (auto max = value.getDefiningOp<nn::MaxOp>()) {
    if (scalarConstant(max.getLhs()) == 0.0)
      value = max.getRhs();
    else if (scalarConstant(max.getRhs()) == 0.0)
      value = max.getLhs();
  }
  if (Value squares = matchRowMean(value)) {
    Value rows = matchSquare(squares);
    if (!rows)
      return std::nullopt;
    if (Value x = matchCentred(rows))
      return Spread{x, true};
    return Spread{rows, false};
  }
  // mean(x^2) - mean(x)^2.
  auto sub = value.getDefiningOp<nn::SubOp>();
  Value squares = sub ? matchRowMean(sub.getLhs()) : Value();
  Value mean = sub ? matchSquare(sub.getRhs()) : Value();
  Value x = squares ? matchSquare(squares) : Value();
  if (!x || !mean || matchRowMean(mean) != x)
    return std::nullopt;
  return Spread{x, true};
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
    auto spread = radicand ? matchSpread(radicand->first) : std::nullopt;
    if (!spread)
      return rewriter.notifyMatchFailure(op, "no mean of squares over rows");
    Value x = spread->x;
    RankedTensorType type = typeOf(x);
    if (!type.getElementType().isF32() ||
        ShapedType::isDynamic(type.getShape().back()))
      return rewriter.notifyMatchFailure(op, "expects f32 rows of fixed size");
    bool centred = spread->centred;
    Value numerator = quotient->numerator;
    if (centred ? matchCentred(numerator) != x : numerator != x)
      return rewriter.notifyMatchFailure(op, "not the squares of its own");
    nn::MulOp mul;
    Value gain = quotient->gain, bias;
    if (!gain)
      std::tie(mul, gain) = matchVectorUser<nn::MulOp>(op);
    nn::AddOp add;
    if (centred && gain)
      std::tie(add, bias) = matchVectorUser<nn::AddOp>(mul ? mul : op);
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

/// x * s + (bias - mean(x) * s), s = gain / sqrt(variance + epsilon): as Keras
/// writes it.
struct RaiseFactoredNorm : OpRewritePattern<nn::AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::AddOp op,
                                PatternRewriter &rewriter) const override {
    for (auto [scaled, offset] : {std::pair(op.getLhs(), op.getRhs()),
                                  std::pair(op.getRhs(), op.getLhs())}) {
      auto product = scaled.getDefiningOp<nn::MulOp>();
      auto difference = offset.getDefiningOp<nn::SubOp>();
      auto shift = difference
                       ? difference.getRhs().getDefiningOp<nn::MulOp>()
                       : nn::MulOp();
      if (product && shift &&
          succeeded(raise(op, product, shift, difference.getLhs(), rewriter)))
        return success();
    }
    return rewriter.notifyMatchFailure(op, "no norm multiplied out");
  }

private:
  LogicalResult raise(nn::AddOp op, nn::MulOp product, nn::MulOp shift,
                      Value bias, PatternRewriter &rewriter) const {
    for (Value factor : {product.getLhs(), product.getRhs()}) {
      Value x = factor == product.getLhs() ? product.getRhs() : product.getLhs();
      Value mean = factor == shift.getLhs() ? shift.getRhs() : shift.getLhs();
      if (factor != shift.getLhs() && factor != shift.getRhs())
        continue;
      std::optional<RowFactor> row = matchRowFactor(factor);
      auto radicand = row ? matchPlusScalar(row->radicand) : std::nullopt;
      auto spread = radicand ? matchSpread(radicand->first) : std::nullopt;
      if (!spread || !spread->centred || spread->x != x ||
          matchRowMean(mean) != x || !typeOf(x).getElementType().isF32() ||
          ShapedType::isDynamic(typeOf(x).getShape().back()) ||
          !matchRowVector(bias, x))
        continue;
      Value gain =
          row->gain ? row->gain : ones(rewriter, op.getLoc(), x);
      rewriter.replaceOpWithNewOp<nn::LayerNormOp>(
          op, x, gain, bias, rewriter.getF32FloatAttr(float(radicand->second)));
      return success();
    }
    return failure();
  }
};

struct RaiseNormalization
    : qopt::impl::RaiseNormalizationPassBase<RaiseNormalization> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseNorm, RaiseFactoredNorm>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
