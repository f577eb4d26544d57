// Recognizes scaled dot-product attention.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Matching.h"
#include "passes/Simplify/Movement.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

/// Looks through products with and quotients by scalars; multiplies \p scale.
Value stripScale(Value value, double &scale) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<nn::MulOp, nn::DivOp>(op))
      return value;
    Value x = op->getOperand(0);
    std::optional<double> factor = scalarConstant(op->getOperand(1));
    if (!factor && isa<nn::MulOp>(op)) {
      factor = scalarConstant(x);
      x = op->getOperand(1);
    }
    if (!factor || x.getType() != value.getType() || *factor == 0)
      return value;
    scale *= isa<nn::MulOp>(op) ? *factor : 1 / *factor;
    value = x;
  }
  return value;
}

/// `scores + mask` as its parts: the scores are what comes from a product.
std::pair<Value, Value> splitMask(Value value) {
  auto add = value.getDefiningOp<nn::AddOp>();
  if (!add)
    return {value, {}};
  for (auto [scores, mask] : {std::pair(add.getLhs(), add.getRhs()),
                              std::pair(add.getRhs(), add.getLhs())}) {
    double ignored = 1;
    if (scores.getType() == value.getType() &&
        stripScale(scores, ignored).getDefiningOp<nn::MatMulOp>())
      return {scores, mask};
  }
  return {value, {}};
}

/// A choice between scores and a number no score comes back from, as exporters
/// write masks of booleans.
struct Masked {
  Value scores, condition, low;
  bool lowWhereTrue;
};

std::optional<Masked> matchMasked(Value value) {
  auto select = value.getDefiningOp<nn::SelectOp>();
  if (!select)
    return std::nullopt;
  for (bool lowWhereTrue : {false, true}) {
    Value low = lowWhereTrue ? select.getLhs() : select.getRhs();
    Value scores = lowWhereTrue ? select.getRhs() : select.getLhs();
    std::optional<double> number = scalarConstant(low);
    if (number && *number < -1e30 && scores.getType() == value.getType())
      return Masked{scores, select.getCondition(), low, lowWhereTrue};
  }
  return std::nullopt;
}

/// 0 where scores are kept, the low number elsewhere: to be added.
Value additiveMask(PatternRewriter &rewriter, Location loc,
                   const Masked &masked) {
  auto condition = typeOf(masked.condition);
  Type element = typeOf(masked.low).getElementType();
  Value zero = arith::ConstantOp::create(
      rewriter, loc,
      DenseElementsAttr::get(RankedTensorType::get({}, element),
                             rewriter.getZeroAttr(element)));
  Value low = arith::ConstantOp::create(
      rewriter, loc,
      DenseElementsAttr::get(
          RankedTensorType::get({}, element),
          rewriter.getFloatAttr(element, *scalarConstant(masked.low))));
  return nn::SelectOp::create(
      rewriter, loc, RankedTensorType::get(condition.getShape(), element),
      masked.condition, masked.lowWhereTrue ? low : zero,
      masked.lowWhereTrue ? zero : low);
}

/// Whether all axes but the last two surely agree.
bool sameLeadingAxes(Value a, Value b) {
  RankedTensorType x = typeOf(a), y = typeOf(b);
  if (x.getRank() != y.getRank() || x.getRank() < 3)
    return false;
  for (int64_t axis = 0; axis < x.getRank() - 2; ++axis) {
    // Two dynamic sizes: broadcasting a batch of 1 is not written so.
    if (x.getDimSize(axis) != y.getDimSize(axis))
      return false;
  }
  return true;
}

SmallVector<int64_t> swapLastTwo(int64_t rank) {
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(perm[rank - 1], perm[rank - 2]);
  return perm;
}

struct RaiseAttention : OpRewritePattern<nn::MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::MatMulOp op,
                                PatternRewriter &rewriter) const override {
    auto softmax = op.getLhs().getDefiningOp<nn::SoftmaxOp>();
    if (!softmax || !softmax->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no softmax of its own");
    double scale = 1;
    std::optional<Masked> masked = matchMasked(softmax.getX());
    auto [scaled, mask] =
        masked ? std::pair<Value, Value>(masked->scores, Value())
               : splitMask(softmax.getX());
    auto scores = stripScale(scaled, scale).getDefiningOp<nn::MatMulOp>();
    if (!scores || !typeOf(scores.getResult()).getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "no product of queries and keys");
    Value q = stripScale(scores.getLhs(), scale);
    Value kT = stripScale(scores.getRhs(), scale), v = op.getRhs();
    if (!sameLeadingAxes(q, kT) || !sameLeadingAxes(q, v))
      return rewriter.notifyMatchFailure(op, "heads differ in number");
    if (mask && typeOf(mask).getElementType() != typeOf(q).getElementType())
      return rewriter.notifyMatchFailure(op, "the mask is not of floats");
    if (mask && typeOf(mask).getRank() > typeOf(q).getRank())
      return rewriter.notifyMatchFailure(op, "the mask adds axes");
    if (masked && typeOf(masked->condition).getRank() > typeOf(q).getRank())
      return rewriter.notifyMatchFailure(op, "the mask adds axes");
    if (masked)
      mask = additiveMask(rewriter, op.getLoc(), *masked);
    // The scale of k may stand before its transpose.
    if (auto transposed = kT.getDefiningOp<nn::TransposeOp>()) {
      double before = 1;
      Value source = stripScale(transposed.getX(), before);
      if (before != 1) {
        scale *= before;
        kT = transpose(rewriter, transposed.getLoc(), source,
                       transposed.getPerm());
      }
    }
    Value k =
        transpose(rewriter, op.getLoc(), kT, swapLastTwo(typeOf(kT).getRank()));
    rewriter.replaceOpWithNewOp<nn::AttentionOp>(
        op, q, k, v, mask, rewriter.getF32FloatAttr(float(scale)));
    return success();
  }
};

struct RaiseAttentions : qopt::impl::RaiseAttentionPassBase<RaiseAttentions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseAttention>(&getContext());
    // The transpose of the keys undoes the exporter's.
    populateMergeMovementPatterns(patterns);
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
