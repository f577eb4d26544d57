// Transposes sink towards their users until they meet their inverse.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Matching.h"
#include "passes/Simplify/Movement.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::simplify;

namespace {

/// An op like \p op on other operands, its result type inferred anew.
Value recreate(PatternRewriter &rewriter, Operation *op, ValueRange operands) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addAttributes(llvm::to_vector(op->getDiscardableAttrs()));
  SmallVector<Type> types;
  if (isa<lowbit::LowBitDialect>(op->getDialect())) {
    // Codes have the shape of the numbers they stand for, and back.
    state.addTypes(RankedTensorType::get(typeOf(operands[0]).getShape(),
                                         typeOf(op->getResult(0)).getElementType()));
    Operation *made = rewriter.create(state);
    made->copyProperties(op->getPropertiesStorage());
    return made->getResult(0);
  }
  auto infer = cast<InferTypeOpInterface>(op);
  // The properties do not change: only shapes do.
  if (failed(infer.inferReturnTypes(op->getContext(), op->getLoc(), operands,
                                    op->getAttrDictionary(),
                                    op->getPropertiesStorage(), {}, types)))
    return {};
  state.addTypes(types);
  Operation *made = rewriter.create(state);
  made->copyProperties(op->getPropertiesStorage());
  return made->getResult(0);
}

/// The shape of \p type with axes of size 1 in front up to \p rank.
SmallVector<int64_t> shapeOfRank(RankedTensorType type, int64_t rank) {
  SmallVector<int64_t> shape(rank - type.getRank(), 1);
  llvm::append_range(shape, type.getShape());
  return shape;
}

bool isTransposedBy(Value value, ArrayRef<int64_t> perm) {
  auto transposed = value.getDefiningOp<nn::TransposeOp>();
  return transposed && transposed.getPerm() == perm;
}

bool isOneElement(RankedTensorType type) {
  return type.hasStaticShape() && type.getNumElements() == 1;
}

/// Whether \p value can be had from before the transpose \p perm for nothing.
bool canUntranspose(Value value, ArrayRef<int64_t> perm) {
  RankedTensorType type = typeOf(value);
  if (type.getRank() > int64_t(perm.size()))
    return false;
  return isTransposedBy(value, perm) || isOneElement(type) ||
         nn::ConstantView::of(value) ||
         movesOnlyUnitAxes(shapeOfRank(type, perm.size()), inverse(perm));
}

/// \p value as an operand of rank perm.size() from before the transpose
/// \p perm; asks for canUntranspose.
Value untranspose(PatternRewriter &rewriter, Location loc, Value value,
                  ArrayRef<int64_t> perm) {
  int64_t rank = perm.size();
  RankedTensorType type = typeOf(value);
  if (isTransposedBy(value, perm))
    return value.getDefiningOp<nn::TransposeOp>().getX();
  if (isOneElement(type))
    return value; // Broadcasts the same way from any order.
  SmallVector<int64_t> back = inverse(perm);
  if (std::optional<nn::ConstantView> constant = nn::ConstantView::of(value))
    return materialize(
        rewriter, loc,
        transposeConstant(*constant, shapeOfRank(type, rank), back),
        constantName(value, "constant"));
  Sizes from(rank - type.getRank(), rewriter.getIndexAttr(1)), to;
  llvm::append_range(from, sizesOf(rewriter, loc, value));
  for (int64_t axis : back)
    to.push_back(from[axis]);
  return reshape(rewriter, loc, value, to);
}

/// pointwise(transpose(x), ...) -> transpose(pointwise(x, ...)).
struct SinkThroughPointwise : RewritePattern {
  explicit SinkThroughPointwise(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!op->hasTrait<nn::Pointwise>() ||
        !isa<nn::NNDialect, lowbit::LowBitDialect>(op->getDialect()))
      return rewriter.notifyMatchFailure(op, "not pointwise");
    int64_t rank = typeOf(op->getResult(0)).getRank();
    nn::TransposeOp first;
    for (Value operand : op->getOperands())
      if (auto transposed = operand.getDefiningOp<nn::TransposeOp>())
        if (typeOf(operand).getRank() == rank &&
            !nn::ConstantView::of(transposed.getX()) && !first)
          first = transposed;
    if (!first)
      return rewriter.notifyMatchFailure(op, "no operand is transposed");
    SmallVector<int64_t> perm(first.getPerm());
    for (Value operand : op->getOperands())
      if (!canUntranspose(operand, perm))
        return rewriter.notifyMatchFailure(
            op, "another operand would have to be transposed");
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(untranspose(rewriter, op->getLoc(), operand, perm));
    Value result = recreate(rewriter, op, operands);
    if (!result)
      return failure();
    rewriter.replaceOp(op, transpose(rewriter, op->getLoc(), result, perm));
    return success();
  }
};

/// row op(transpose(x)) -> transpose(row op(x)), when the rows stay last.
template <typename OpTy> struct SinkThroughRows : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    auto transposed = op.getX().template getDefiningOp<nn::TransposeOp>();
    if (!transposed ||
        transposed.getPerm().back() != int64_t(transposed.getPerm().size()) - 1)
      return rewriter.notifyMatchFailure(op, "no transpose that keeps rows");
    SmallVector<Value> operands(op->getOperands());
    operands[0] = transposed.getX();
    Value result = recreate(rewriter, op, operands);
    if (!result)
      return failure();
    rewriter.replaceOp(
        op, transpose(rewriter, op.getLoc(), result, transposed.getPerm()));
    return success();
  }
};

/// reduce(transpose(x)) -> transpose(reduce(x)).
template <typename OpTy> struct SinkThroughReduce : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    auto transposed = op.getX().template getDefiningOp<nn::TransposeOp>();
    if (!transposed)
      return rewriter.notifyMatchFailure(op, "its operand is not transposed");
    ArrayRef<int64_t> perm = transposed.getPerm();
    SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes())
      axes.push_back(perm[axis]);
    llvm::sort(axes);
    SmallVector<int64_t> rest(perm);
    if (!op.getKeepdims()) {
      llvm::erase_if(
          rest, [&](int64_t axis) { return llvm::is_contained(axes, axis); });
      // Axes behind a reduced one move up.
      for (int64_t &axis : rest)
        axis -= llvm::count_if(axes, [&](int64_t gone) { return gone < axis; });
    }
    Value result = OpTy::create(rewriter, op.getLoc(), transposed.getX(),
                                rewriter.getDenseI64ArrayAttr(axes),
                                rewriter.getBoolAttr(op.getKeepdims()));
    rewriter.replaceOp(op, transpose(rewriter, op.getLoc(), result, rest));
    return success();
  }
};

/// concat(transpose(a), transpose(b)) -> transpose(concat(a, b)).
struct SinkThroughConcat : OpRewritePattern<nn::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    nn::TransposeOp first;
    for (Value input : op.getInputs())
      if (auto transposed = input.getDefiningOp<nn::TransposeOp>())
        first = first ? first : transposed;
    if (!first)
      return rewriter.notifyMatchFailure(op, "no operand is transposed");
    SmallVector<int64_t> perm(first.getPerm());
    // A single element would broadcast; here its axes count.
    for (Value input : op.getInputs())
      if (!isTransposedBy(input, perm) &&
          (!nn::ConstantView::of(input) || isOneElement(typeOf(input))))
        return rewriter.notifyMatchFailure(op, "an operand is not transposed");
    SmallVector<Value> operands;
    for (Value input : op.getInputs())
      operands.push_back(untranspose(rewriter, op.getLoc(), input, perm));
    Value result =
        nn::ConcatOp::create(rewriter, op.getLoc(), operands,
                             rewriter.getI64IntegerAttr(perm[op.getAxis()]));
    rewriter.replaceOp(op, transpose(rewriter, op.getLoc(), result, perm));
    return success();
  }
};

/// pad(transpose(x)) -> transpose(pad(x)).
struct SinkThroughPad : OpRewritePattern<nn::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::PadOp op,
                                PatternRewriter &rewriter) const override {
    auto transposed = op.getX().getDefiningOp<nn::TransposeOp>();
    if (!transposed)
      return rewriter.notifyMatchFailure(op, "its operand is not transposed");
    SmallVector<int64_t> low(op.getLow().size()), high(low.size());
    for (auto [i, axis] : llvm::enumerate(transposed.getPerm())) {
      low[axis] = op.getLow()[i];
      high[axis] = op.getHigh()[i];
    }
    Value result = nn::PadOp::create(rewriter, op.getLoc(), transposed.getX(),
                                     rewriter.getDenseI64ArrayAttr(low),
                                     rewriter.getDenseI64ArrayAttr(high),
                                     op.getModeAttr(), op.getValueAttr());
    rewriter.replaceOp(
        op, transpose(rewriter, op.getLoc(), result, transposed.getPerm()));
    return success();
  }
};

/// slice(transpose(x)) -> transpose(slice(x)), static or dynamic bounds alike.
struct SinkThroughSlice : OpRewritePattern<nn::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SliceOp op,
                                PatternRewriter &rewriter) const override {
    auto transposed = op.getX().getDefiningOp<nn::TransposeOp>();
    if (!transposed)
      return rewriter.notifyMatchFailure(op, "its operand is not transposed");
    SmallVector<OpFoldResult> offsets =
        getMixedValues(op.getStaticOffsets(), op.getOffsets(), rewriter);
    SmallVector<OpFoldResult> sizes =
        getMixedValues(op.getStaticSizes(), op.getSizes(), rewriter);
    SmallVector<OpFoldResult> newOffsets(offsets.size()),
        newSizes(sizes.size());
    SmallVector<int64_t> strides(sizes.size());
    for (auto [i, axis] : llvm::enumerate(transposed.getPerm())) {
      newOffsets[axis] = offsets[i];
      newSizes[axis] = sizes[i];
      strides[axis] = op.getStrides()[i];
    }
    SmallVector<Value> dynamicOffsets, dynamicSizes;
    SmallVector<int64_t> fixedOffsets, fixedSizes;
    dispatchIndexOpFoldResults(newOffsets, dynamicOffsets, fixedOffsets);
    dispatchIndexOpFoldResults(newSizes, dynamicSizes, fixedSizes);
    Value result = nn::SliceOp::create(
        rewriter, op.getLoc(), transposed.getX(), dynamicOffsets, dynamicSizes,
        rewriter.getDenseI64ArrayAttr(fixedOffsets),
        rewriter.getDenseI64ArrayAttr(fixedSizes),
        rewriter.getDenseI64ArrayAttr(strides));
    rewriter.replaceOp(
        op, transpose(rewriter, op.getLoc(), result, transposed.getPerm()));
    return success();
  }
};

/// Groups of axes of \p from whose product is one axis of \p to, in order;
/// nullopt when the reshape is no merging of neighbours. Sizes of 1 join the
/// group before them.
std::optional<SmallVector<SmallVector<int64_t>>>
mergedAxes(RankedTensorType from, RankedTensorType to) {
  // With one dynamic size each, the static sizes prove them equal.
  if (from.getNumDynamicDims() > 1 || to.getNumDynamicDims() > 1 ||
      to.getRank() >= from.getRank())
    return std::nullopt;
  SmallVector<SmallVector<int64_t>> groups;
  int64_t axis = 0;
  for (int64_t target : to.getShape()) {
    SmallVector<int64_t> &group = groups.emplace_back();
    bool wantsDynamic = ShapedType::isDynamic(target), hasDynamic = false;
    int64_t product = 1;
    while (axis < from.getRank()) {
      if (!group.empty() && !wantsDynamic && product == target)
        break;
      if (!group.empty() && wantsDynamic && hasDynamic)
        break;
      int64_t size = from.getDimSize(axis);
      if (ShapedType::isDynamic(size))
        hasDynamic = true;
      else
        product *= size;
      group.push_back(axis++);
    }
    if (wantsDynamic != hasDynamic || product != (wantsDynamic ? 1 : target))
      return std::nullopt;
  }
  // Trailing axes of size 1.
  for (; axis < from.getRank(); ++axis) {
    if (from.getDimSize(axis) != 1 || groups.empty())
      return std::nullopt;
    groups.back().push_back(axis);
  }
  return groups;
}

/// reshape(transpose(x)) -> transpose(reshape(x)) where the reshape merges axes
/// that are neighbours, in order, before the transpose too: the way from the
/// patches of an image to a sequence.
struct SinkThroughReshape : OpRewritePattern<nn::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto transposed = op.getX().getDefiningOp<nn::TransposeOp>();
    if (!transposed)
      return rewriter.notifyMatchFailure(op, "its operand is not transposed");
    auto groups = mergedAxes(typeOf(op.getX()), typeOf(op.getResult()));
    if (!groups)
      return rewriter.notifyMatchFailure(op, "it does more than merge axes");
    // Where each merged axis starts in the operand of the transpose.
    SmallVector<std::pair<int64_t, int64_t>> starts;
    for (auto [i, group] : llvm::enumerate(*groups)) {
      int64_t start = transposed.getPerm()[group.front()];
      for (auto [k, axis] : llvm::enumerate(group))
        if (transposed.getPerm()[axis] != start + int64_t(k))
          return rewriter.notifyMatchFailure(op, "it merges distant axes");
      starts.push_back({start, int64_t(i)});
    }
    SmallVector<std::pair<int64_t, int64_t>> order = starts;
    llvm::sort(order);
    SmallVector<OpFoldResult> sizes =
        getMixedValues(op.getStaticSizes(), op.getSizes(), rewriter);
    Sizes merged;
    SmallVector<int64_t> back; // position before -> axis of the result
    for (auto [start, axis] : order) {
      merged.push_back(sizes[axis]);
      back.push_back(axis);
    }
    Value flat = reshape(rewriter, op.getLoc(), transposed.getX(), merged);
    rewriter.replaceOp(op,
                       transpose(rewriter, op.getLoc(), flat, inverse(back)));
    return success();
  }
};

/// reshape(transpose(x)) -> transpose(reshape(x)) where the reshape splits
/// axes: each is split where it lies in x.
struct SinkThroughSplit : OpRewritePattern<nn::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto transposed = op.getX().getDefiningOp<nn::TransposeOp>();
    if (!transposed)
      return rewriter.notifyMatchFailure(op, "its operand is not transposed");
    auto groups = mergedAxes(typeOf(op.getResult()), typeOf(op.getX()));
    if (!groups)
      return rewriter.notifyMatchFailure(op, "it does more than split axes");
    SmallVector<OpFoldResult> sizes =
        getMixedValues(op.getStaticSizes(), op.getSizes(), rewriter);
    Sizes split;
    SmallVector<int64_t> back; // position in the split x -> axis of the result
    for (int64_t axis : inverse(transposed.getPerm()))
      for (int64_t part : (*groups)[axis]) {
        split.push_back(sizes[part]);
        back.push_back(part);
      }
    Value apart = reshape(rewriter, op.getLoc(), transposed.getX(), split);
    rewriter.replaceOp(op,
                       transpose(rewriter, op.getLoc(), apart, inverse(back)));
    return success();
  }
};

/// unary(reshape(x)) -> reshape(unary(x)): the op meets what made x.
struct SinkReshapeThroughUnary : RewritePattern {
  explicit SinkReshapeThroughUnary(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!op->hasTrait<nn::Pointwise>() ||
        !isa<nn::NNDialect>(op->getDialect()) || op->getNumOperands() > 2)
      return rewriter.notifyMatchFailure(op, "not pointwise");
    nn::ReshapeOp shaped;
    unsigned position = 0;
    for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
      if (typeOf(operand).getRank() == 0 && nn::ConstantView::of(operand))
        continue;
      shaped =
          shaped ? nn::ReshapeOp() : operand.getDefiningOp<nn::ReshapeOp>();
      position = i;
      if (!shaped)
        break;
    }
    if (!shaped || !shaped->hasOneUse() ||
        nn::ConstantView::of(shaped.getX()) ||
        typeOf(op->getResult(0)).getRank() !=
            typeOf(shaped.getResult()).getRank())
      return rewriter.notifyMatchFailure(op, "no reshape to sink");
    SmallVector<Value> operands(op->getOperands());
    operands[position] = shaped.getX();
    Value result = recreate(rewriter, op, operands);
    if (!result)
      return failure();
    SmallVector<OpFoldResult> sizes =
        getMixedValues(shaped.getStaticSizes(), shaped.getSizes(), rewriter);
    rewriter.replaceOp(op, reshape(rewriter, op->getLoc(), result, sizes));
    return success();
  }
};
} // namespace

void qopt::simplify::populateSinkTransposePatterns(
    RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<SinkThroughPointwise, SinkReshapeThroughUnary>(context);
  patterns.add<
      SinkThroughRows<nn::SoftmaxOp>, SinkThroughRows<nn::LayerNormOp>,
      SinkThroughRows<nn::RMSNormOp>, SinkThroughReduce<nn::ReduceSumOp>,
      SinkThroughReduce<nn::ReduceMeanOp>, SinkThroughReduce<nn::ReduceMaxOp>,
      SinkThroughReduce<nn::ReduceMinOp>, SinkThroughReduce<nn::ReduceProdOp>,
      SinkThroughConcat, SinkThroughPad, SinkThroughSlice, SinkThroughReshape,
      SinkThroughSplit>(context);
}
