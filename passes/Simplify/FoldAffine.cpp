// Folds multiplications and additions of constants into contractions.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Matching.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_FOLDAFFINEPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

/// The f32 constant \p value as one number a channel (the last axis), when it
/// varies along no other axis.
std::optional<std::vector<float>> perChannel(Value value, int64_t channels) {
  std::optional<nn::ConstantView> view = nn::ConstantView::of(value);
  if (!view || !view->type().getElementType().isF32() ||
      ShapedType::isDynamic(channels))
    return std::nullopt;
  if (view->isSplat() || view->numElements() == 1) {
    std::optional<double> scalar = scalarConstant(value);
    return std::vector<float>(channels, float(*scalar));
  }
  ArrayRef<int64_t> shape = view->type().getShape();
  if (view->numElements() != channels || shape.back() != channels)
    return std::nullopt;
  return view->values<float>();
}

/// The result keeps the shape of \p x: a constant that broadcasts x does not
/// fold.
bool keepsShape(Operation *op, Value x) {
  return op->getResult(0).getType() == x.getType();
}

/// An op and a constant operand: `x * c`, `c * x`, `x / c` as a factor.
struct ScaledBy {
  Value x;
  std::vector<float> factors;
};

std::optional<ScaledBy> matchScale(Operation *op) {
  if (!isa<nn::MulOp, nn::DivOp>(op) || !typeOf(op->getResult(0)).getRank())
    return std::nullopt;
  Value x = op->getOperand(0), c = op->getOperand(1);
  if (isa<nn::MulOp>(op) && nn::ConstantView::of(x))
    std::swap(x, c);
  if (!keepsShape(op, x) || nn::ConstantView::of(x))
    return std::nullopt;
  auto factors = perChannel(c, typeOf(x).getShape().back());
  if (!factors)
    return std::nullopt;
  if (isa<nn::DivOp>(op))
    for (float &factor : *factors)
      factor = float(1.0 / double(factor));
  return ScaledBy{x, std::move(*factors)};
}

/// `x + c`, `c + x`, `x - c` as offsets.
std::optional<ScaledBy> matchOffset(Operation *op) {
  if (!isa<nn::AddOp, nn::SubOp>(op) || !typeOf(op->getResult(0)).getRank())
    return std::nullopt;
  Value x = op->getOperand(0), c = op->getOperand(1);
  if (isa<nn::AddOp>(op) && nn::ConstantView::of(x))
    std::swap(x, c);
  if (!keepsShape(op, x) || nn::ConstantView::of(x))
    return std::nullopt;
  auto offsets = perChannel(c, typeOf(x).getShape().back());
  if (!offsets)
    return std::nullopt;
  if (isa<nn::SubOp>(op))
    for (float &offset : *offsets)
      offset = -offset;
  return ScaledBy{x, std::move(*offsets)};
}

/// A float contraction with a constant weight of its own.
struct Contraction {
  Operation *op = nullptr;
  Value weight;
  int64_t groups = 1;
  bool isConv = false;
};

std::optional<Contraction> matchContraction(Operation *op) {
  Contraction result{op, {}, 1, false};
  if (auto conv = dyn_cast_if_present<nn::ConvOp>(op)) {
    result.weight = conv.getFilter();
    result.groups = conv.getGroups();
    result.isConv = true;
  } else if (auto matmul = dyn_cast_if_present<nn::MatMulOp>(op)) {
    result.weight = matmul.getRhs();
    if (typeOf(result.weight).getRank() != 2)
      return std::nullopt;
  } else {
    return std::nullopt;
  }
  // A weight that others read too would exist twice.
  if (!typeOf(result.weight).getElementType().isF32() ||
      !result.weight.hasOneUse() || !nn::ConstantView::of(result.weight))
    return std::nullopt;
  return result;
}

/// The weight with element i multiplied by factor(i).
Value scaledWeight(PatternRewriter &rewriter, Value weight,
                   function_ref<float(int64_t)> factor) {
  std::vector<float> values = *nn::ConstantView::of(weight)->values<float>();
  for (auto [i, value] : llvm::enumerate(values))
    value = float(double(value) * factor(i));
  return nn::createConstant(rewriter, weight.getLoc(), typeOf(weight), values,
                            constantName(weight, "weight"));
}

Value vectorConstant(PatternRewriter &rewriter, Location loc,
                     const std::vector<float> &values, StringRef name) {
  auto type =
      RankedTensorType::get(int64_t(values.size()), rewriter.getF32Type());
  return nn::createConstant(rewriter, loc, type, values, name);
}

/// contraction(x, W) * c -> contraction(x, W * c), c along the outputs.
struct FoldScaleOfResult : RewritePattern {
  explicit FoldScaleOfResult(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    std::optional<ScaledBy> scale = matchScale(op);
    if (!scale)
      return rewriter.notifyMatchFailure(op, "no constant factor");
    auto contraction = matchContraction(scale->x.getDefiningOp());
    if (!contraction || !scale->x.hasOneUse())
      return rewriter.notifyMatchFailure(op, "no contraction of its own");
    int64_t outputs = scale->factors.size();
    int64_t perOutput = typeOf(contraction->weight).getNumElements() / outputs;
    Value weight = scaledWeight(rewriter, contraction->weight, [&](int64_t i) {
      return scale->factors[contraction->isConv ? i / perOutput : i % outputs];
    });
    rewriter.modifyOpInPlace(contraction->op,
                             [&] { contraction->op->setOperand(1, weight); });
    rewriter.replaceOp(op, scale->x);
    return success();
  }
};

/// contraction(x * c, W) -> contraction(x, c * W), c along the inputs.
struct FoldScaleOfOperand : RewritePattern {
  explicit FoldScaleOfOperand(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    auto contraction = matchContraction(op);
    Operation *producer =
        contraction ? op->getOperand(0).getDefiningOp() : nullptr;
    if (!producer || !producer->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no contraction of a product");
    std::optional<ScaledBy> scale = matchScale(producer);
    if (!scale)
      return rewriter.notifyMatchFailure(op, "no constant factor");
    RankedTensorType type = typeOf(contraction->weight);
    int64_t inputs = type.getShape().back();
    int64_t perGroup = type.getNumElements() / contraction->groups;
    Value weight = scaledWeight(rewriter, contraction->weight, [&](int64_t i) {
      if (!contraction->isConv)
        return scale->factors[i / inputs];
      return scale->factors[i / perGroup * inputs + i % inputs];
    });
    rewriter.modifyOpInPlace(op, [&] {
      op->setOperand(0, scale->x);
      op->setOperand(1, weight);
    });
    return success();
  }
};

/// (contraction + b) * c -> contraction * c + b * c: the product then folds.
struct DistributeScale : RewritePattern {
  explicit DistributeScale(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    std::optional<ScaledBy> scale = matchScale(op);
    Operation *sum = scale ? scale->x.getDefiningOp() : nullptr;
    std::optional<ScaledBy> offset =
        sum && sum->hasOneUse() ? matchOffset(sum) : std::nullopt;
    if (!offset || !offset->x.hasOneUse() ||
        !matchContraction(offset->x.getDefiningOp()))
      return rewriter.notifyMatchFailure(op, "no scaled sum of a contraction");
    for (auto [b, c] : llvm::zip_equal(offset->factors, scale->factors))
      b *= c;
    Value factors =
        vectorConstant(rewriter, op->getLoc(), scale->factors, "scale");
    Value offsets =
        vectorConstant(rewriter, sum->getLoc(), offset->factors, "bias");
    Value product =
        nn::MulOp::create(rewriter, op->getLoc(), offset->x, factors);
    rewriter.replaceOpWithNewOp<nn::AddOp>(op, product, offsets);
    return success();
  }
};

/// (contraction + b) + c -> contraction + (b + c).
struct MergeOffsets : RewritePattern {
  explicit MergeOffsets(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    std::optional<ScaledBy> outer = matchOffset(op);
    Operation *sum = outer ? outer->x.getDefiningOp() : nullptr;
    std::optional<ScaledBy> inner =
        sum && sum->hasOneUse() ? matchOffset(sum) : std::nullopt;
    if (!inner ||
        !isa_and_present<nn::ConvOp, nn::MatMulOp>(inner->x.getDefiningOp()))
      return rewriter.notifyMatchFailure(op, "no two offsets");
    for (auto [b, c] : llvm::zip_equal(inner->factors, outer->factors))
      b += c;
    Value offsets =
        vectorConstant(rewriter, sum->getLoc(), inner->factors, "bias");
    rewriter.replaceOpWithNewOp<nn::AddOp>(op, inner->x, offsets);
    return success();
  }
};

/// x / c -> x * (1 / c) where that is exact: powers of two.
struct DivideByPowerOfTwo : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::DivOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<double> divisor = scalarConstant(op.getRhs());
    RankedTensorType type = typeOf(op.getRhs());
    int exponent = 0;
    if (!divisor || !type.getElementType().isF32() ||
        std::fabs(std::frexp(*divisor, &exponent)) != 0.5 ||
        std::abs(exponent) > 100)
      return rewriter.notifyMatchFailure(op, "no power of two");
    Value factor = arith::ConstantOp::create(
        rewriter, op.getLoc(),
        DenseElementsAttr::get(type, float(1.0 / *divisor)));
    rewriter.replaceOpWithNewOp<nn::MulOp>(op, op.getLhs(), factor);
    return success();
  }
};

/// x * 1, x / 1, x + 0, x - 0 -> x.
struct DropNeutral : RewritePattern {
  explicit DropNeutral(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa<nn::MulOp, nn::DivOp, nn::AddOp, nn::SubOp>(op))
      return failure();
    double neutral = isa<nn::MulOp, nn::DivOp>(op) ? 1 : 0;
    bool commutes = isa<nn::MulOp, nn::AddOp>(op);
    for (int i : {1, 0}) {
      if (i == 0 && !commutes)
        break;
      Value x = op->getOperand(1 - i);
      if (scalarConstant(op->getOperand(i)) == neutral && keepsShape(op, x)) {
        rewriter.replaceOp(op, x);
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "no neutral operand");
  }
};

struct FoldAffine : qopt::impl::FoldAffinePassBase<FoldAffine> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldScaleOfResult, FoldScaleOfOperand, DistributeScale,
                 MergeOffsets, DivideByPowerOfTwo, DropNeutral>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
