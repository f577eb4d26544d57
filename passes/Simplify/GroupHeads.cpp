// Keys and values that several heads share are read once, not repeated.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/NNOps.h"
#include "lib/Analysis/TensorSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Simplify/Movement.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_GROUPHEADSPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Each head of `heads` [.., H, 1, S, D], `times` times in a row.
struct Repeated {
  Value heads;
  int64_t times;
};

class Grouping {
public:
  explicit Grouping(const TensorSizes &sizes) : sizes(sizes) {}

  void visit(nn::AttentionOp op) {
    std::optional<Repeated> k = matchRepeated(op.getK());
    std::optional<Repeated> v = matchRepeated(op.getV());
    if (!k || !v || k->times != v->times || !canSplitMask(op, k->times))
      return;
    int64_t axis = typeOf(op.getQ()).getRank() - 3;
    OpBuilder builder(op);
    Value mask = op.getMask();
    if (mask && typeOf(mask).getRank() > 2)
      mask = splitHeads(builder, mask, typeOf(mask).getRank() - 3, k->times);
    Value grouped = nn::AttentionOp::create(
        builder, op.getLoc(), splitHeads(builder, op.getQ(), axis, k->times),
        k->heads, v->heads, mask, op.getScaleAttr());
    Sizes whole(sizes.of(op.getResult()));
    op.replaceAllUsesWith(reshape(builder, op.getLoc(), grouped, whole));
    op.erase();
  }

private:
  /// reshape(broadcast_to([.., H, 1, S, D])) to [.., H * times, S, D].
  std::optional<Repeated> matchRepeated(Value tensor) {
    auto merged = tensor.getDefiningOp<nn::ReshapeOp>();
    auto repeat = merged ? merged.getX().getDefiningOp<nn::BroadcastToOp>()
                         : nn::BroadcastToOp();
    int64_t rank = typeOf(tensor).getRank(), axis = rank - 2;
    if (!repeat || rank < 3 ||
        typeOf(repeat.getResult()).getRank() != rank + 1 ||
        typeOf(repeat.getX()).getRank() != rank + 1 ||
        typeOf(repeat.getX()).getDimSize(axis) != 1)
      return std::nullopt;
    int64_t times = typeOf(repeat.getResult()).getDimSize(axis);
    int64_t heads = typeOf(repeat.getX()).getDimSize(axis - 1);
    if (ShapedType::isDynamic(times) || ShapedType::isDynamic(heads) ||
        typeOf(tensor).getDimSize(axis - 1) != heads * times)
      return std::nullopt;
    // Every other axis stays as it is.
    ArrayRef<OpFoldResult> from = sizes.of(repeat.getX());
    ArrayRef<OpFoldResult> wide = sizes.of(repeat.getResult());
    ArrayRef<OpFoldResult> to = sizes.of(tensor);
    for (int64_t i = 0; i <= rank; ++i)
      if (i != axis && (from[i] != wide[i] ||
                        (i != axis - 1 && from[i] != to[i < axis ? i : i - 1])))
        return std::nullopt;
    return Repeated{repeat.getX(), times};
  }

  bool canSplitMask(nn::AttentionOp op, int64_t times) {
    if (!op.getMask())
      return true;
    RankedTensorType mask = typeOf(op.getMask());
    int64_t axis = mask.getRank() - 3;
    return axis < 0 || mask.getDimSize(axis) == 1 ||
           (!mask.isDynamicDim(axis) && mask.getDimSize(axis) % times == 0);
  }

  /// [.., N, S, D] to [.., N / times, times, S, D], or [.., 1, 1, S, D].
  Value splitHeads(OpBuilder &builder, Value tensor, int64_t axis,
                   int64_t times) {
    Sizes split(sizes.of(tensor));
    int64_t heads = typeOf(tensor).getDimSize(axis);
    split[axis] = builder.getIndexAttr(heads == 1 ? 1 : heads / times);
    split.insert(split.begin() + axis + 1,
                 builder.getIndexAttr(heads == 1 ? 1 : times));
    return reshape(builder, tensor.getLoc(), tensor, split);
  }

  const TensorSizes &sizes;
};

struct GroupHeads : qopt::impl::GroupHeadsPassBase<GroupHeads> {
  void runOnOperation() override {
    if (!getOperation().getBody().hasOneBlock())
      return;
    FailureOr<TensorSizes> sizes = TensorSizes::compute(getOperation());
    if (failed(sizes))
      return signalPassFailure();
    SmallVector<nn::AttentionOp> attentions(
        getOperation().getOps<nn::AttentionOp>());
    for (nn::AttentionOp op : attentions)
      Grouping(*sizes).visit(op);
  }
};
} // namespace
