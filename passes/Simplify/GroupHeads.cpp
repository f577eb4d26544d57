// Keys and values that several heads share are read once, not repeated.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/NNOps.h"
#include "lib/Analysis/TensorSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Simplify/Matching.h"
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

/// Each head of the op's operand [.., H, 1, S, D], `times` times in a row.
struct Repeated {
  nn::BroadcastToOp op;
  int64_t times;
};

/// What becomes of one attention. Holds ops and sizes, not operands, which may
/// be results of attentions that are replaced before it.
struct Grouping {
  nn::AttentionOp op;
  Repeated k, v;
  Sizes queries, whole;
  std::optional<Sizes> mask; // Unless it is the same for all heads.
};

/// [.., N, S, D] to [.., N / times, times, S, D], or [.., 1, 1, S, D].
Sizes splitHeads(OpBuilder &builder, RankedTensorType type, Sizes sizes,
                 int64_t times) {
  int64_t axis = type.getRank() - 3, heads = type.getDimSize(axis);
  sizes[axis] = builder.getIndexAttr(heads == 1 ? 1 : heads / times);
  sizes.insert(sizes.begin() + axis + 1,
               builder.getIndexAttr(heads == 1 ? 1 : times));
  return sizes;
}

void group(Grouping &grouping) {
  nn::AttentionOp op = grouping.op;
  OpBuilder builder(op);
  Value q = op.getQ(), mask = op.getMask();
  if (grouping.mask)
    mask = reshape(builder, mask.getLoc(), mask, *grouping.mask);
  Value grouped = nn::AttentionOp::create(
      builder, op.getLoc(), reshape(builder, q.getLoc(), q, grouping.queries),
      grouping.k.op.getX(), grouping.v.op.getX(), mask, op.getScaleAttr());
  op.replaceAllUsesWith(reshape(builder, op.getLoc(), grouped, grouping.whole));
  op.erase();
}

class Matcher {
public:
  explicit Matcher(const TensorSizes &sizes) : sizes(sizes) {}

  std::optional<Grouping> match(nn::AttentionOp op) {
    std::optional<Repeated> k = matchRepeated(op.getK());
    std::optional<Repeated> v = matchRepeated(op.getV());
    RankedTensorType q = typeOf(op.getQ());
    if (!k || !v || k->times != v->times ||
        q.isDynamicDim(q.getRank() - 3) || !canSplitMask(op, k->times))
      return std::nullopt;
    OpBuilder builder(op);
    Grouping grouping{op, *k, *v, {}, Sizes(sizes.of(op.getResult())), {}};
    grouping.queries =
        splitHeads(builder, q, Sizes(sizes.of(op.getQ())), k->times);
    Value mask = op.getMask();
    if (mask && typeOf(mask).getRank() > 2)
      grouping.mask =
          splitHeads(builder, typeOf(mask), Sizes(sizes.of(mask)), k->times);
    return grouping;
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
    // A dynamic size is negative, and an empty axis has no heads to share.
    if (times < 1 || heads < 1 ||
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
    return Repeated{repeat, times};
  }

  bool canSplitMask(nn::AttentionOp op, int64_t times) {
    if (!op.getMask())
      return true;
    RankedTensorType mask = typeOf(op.getMask());
    int64_t axis = mask.getRank() - 3;
    return axis < 0 || mask.getDimSize(axis) == 1 ||
           (!mask.isDynamicDim(axis) && mask.getDimSize(axis) % times == 0);
  }

  const TensorSizes &sizes;
};

struct GroupHeads : qopt::impl::GroupHeadsPassBase<GroupHeads> {
  void runOnOperation() override {
    if (!getOperation().getBody().hasOneBlock())
      return;
    SmallVector<nn::AttentionOp> attentions(
        getOperation().getOps<nn::AttentionOp>());
    if (attentions.empty())
      return;
    FailureOr<TensorSizes> sizes = TensorSizes::compute(getOperation());
    if (failed(sizes))
      return signalPassFailure();
    // All are matched before one is replaced: new values have no sizes there.
    std::vector<Grouping> groupings;
    for (nn::AttentionOp op : attentions)
      if (std::optional<Grouping> grouping = Matcher(*sizes).match(op))
        groupings.push_back(std::move(*grouping));
    for (Grouping &grouping : groupings)
      group(grouping);
  }
};
} // namespace
