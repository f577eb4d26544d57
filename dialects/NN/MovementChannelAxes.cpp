// What data movement says of channels.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/ChannelAxes.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace qopt::nn;

namespace {

constexpr Groups D = Groups::Diagonal, P = Groups::Permutation,
                 O = Groups::Orthogonal, all = Groups::All;
constexpr unsigned data = 0;

void transpose(TransposeOp op, ChannelAxes &axes) {
  unsigned result = axes.resultSlot();
  for (auto [axis, from] : llvm::enumerate(op.getPerm()))
    axes.join(all,
              axes.index({{data, unsigned(from)}, {result, unsigned(axis)}}));
}

/// Operand i takes its own span of the result's axis.
void concat(ConcatOp op, ChannelAxes &axes) {
  unsigned result = axes.resultSlot(), rank = axes.typeOf(result).getRank();
  unsigned along = op.getAxis();
  bool known = axes.sizeOf(result, along) != ShapedType::kDynamic;
  int64_t begin = 0;
  for (unsigned slot = 0; slot < result; ++slot) {
    for (unsigned axis = 0; axis < rank; ++axis) {
      if (axis != along) {
        axes.join(all, axes.index({{slot, axis}, {result, axis}}));
        continue;
      }
      int64_t size = axes.sizeOf(slot, axis);
      if (!known) {
        axes.pin(all, slot, axes.wholeAxis(slot, axis), "sizes not known");
        continue;
      }
      axes.join(all, axes.indexOver(SmallVector<IndexedAxis, 3>{
                         {slot, {axis, 0, size}, {}},
                         {result, {axis, begin, size}, {}}}));
      begin += size;
    }
  }
}

/// The span that is kept; what is cut away is free of this op.
void slice(SliceOp op, ChannelAxes &axes) {
  unsigned result = axes.resultSlot();
  ArrayRef<int64_t> offsets = op.getStaticOffsets(), strides = op.getStrides();
  for (unsigned axis = 0; axis < axes.typeOf(data).getRank(); ++axis) {
    int64_t size = axes.sizeOf(result, axis), whole = axes.sizeOf(data, axis);
    bool isSpan = strides[axis] == 1 && offsets[axis] >= 0 &&
                  (size != ShapedType::kDynamic || offsets[axis] == 0);
    if (whole == ShapedType::kDynamic)
      isSpan = false;
    if (!isSpan) {
      axes.pin(all, data, axes.wholeAxis(data, axis),
               "sliced with a stride or at run time");
      axes.pin(all, result, axes.wholeAxis(result, axis),
               "sliced with a stride or at run time");
      continue;
    }
    axes.join(all, axes.indexOver(SmallVector<IndexedAxis, 3>{
                       {data, {axis, offsets[axis], size}, {}},
                       {result, {axis, 0, size}, {}}}));
  }
}

void pad(PadOp op, ChannelAxes &axes) {
  unsigned result = axes.resultSlot();
  ArrayRef<int64_t> low = op.getLow(), high = op.getHigh();
  bool zeros = op.getMode() == PadMode::constant && op.getValue().isZero();
  bool copies = op.getMode() != PadMode::constant;
  bool none = llvm::all_of(low, [](int64_t n) { return n == 0; }) &&
              llvm::all_of(high, [](int64_t n) { return n == 0; });
  for (unsigned axis = 0; axis < low.size(); ++axis) {
    if (low[axis] == 0 && high[axis] == 0) {
      unsigned index = axes.index({{data, axis}, {result, axis}});
      // A padding value other than 0 would have to be scaled too.
      bool linear = zeros || copies || none;
      axes.join(linear ? all : P, index);
      if (!linear)
        axes.pin(D | O, index, "padded with a number");
      continue;
    }
    axes.pin(all, data, axes.wholeAxis(data, axis), "padded along it");
    axes.pin(all, result, axes.wholeAxis(result, axis), "padded along it");
  }
}

/// An embedding looks rows up; what a row holds is free.
void gather(GatherOp op, ChannelAxes &axes) {
  constexpr unsigned indices = 1;
  unsigned result = axes.resultSlot(), along = op.getAxis(),
           chosen = axes.typeOf(indices).getRank();
  for (unsigned axis = 0; axis < axes.typeOf(data).getRank(); ++axis)
    if (axis == along)
      axes.pin(all, data, axes.wholeAxis(data, axis), "looked up by number");
    else
      axes.join(
          all, axes.index({{data, axis},
                           {result, axis < along ? axis : axis + chosen - 1}}));
  for (unsigned axis = 0; axis < chosen; ++axis) {
    unsigned index = axes.index({{indices, axis}, {result, along + axis}});
    axes.join(P, index);
    axes.pin(D | O, index, "numbers looked up");
  }
}

void scatter(ScatterOp op, ChannelAxes &axes) {
  constexpr unsigned updates = 2;
  unsigned result = axes.resultSlot();
  for (unsigned slot : {data, updates, result})
    axes.pin(all, slot, axes.wholeAxis(slot, 0), "scattered along it");
  ScatterMode mode = op.getMode();
  bool linear = mode == ScatterMode::replace || mode == ScatterMode::add;
  bool positive = mode == ScatterMode::min || mode == ScatterMode::max;
  for (unsigned axis = 1; axis < axes.typeOf(data).getRank(); ++axis) {
    unsigned index =
        axes.index({{data, axis}, {updates, axis}, {result, axis}});
    axes.join(linear ? all : P, index);
    if (positive)
      axes.joinPositive(D, index);
    if (!linear)
      axes.pin(positive ? O : D | O, index, "nonlinear");
  }
}

void broadcastTo(BroadcastToOp, ChannelAxes &axes) {
  unsigned result = axes.resultSlot();
  int64_t rank = axes.typeOf(result).getRank();
  for (int64_t axis = 0; axis < rank; ++axis) {
    int64_t own = axis - (rank - axes.typeOf(data).getRank());
    if (own >= 0 && axes.sizeOf(data, own) == axes.sizeOf(result, axis))
      axes.join(all,
                axes.index({{data, unsigned(own)}, {result, unsigned(axis)}}));
    else
      axes.pin(all, result, axes.wholeAxis(result, axis), "repeated along it");
  }
}

/// What says how long an axis is that has no static size: an index value, or
/// the axis of a tensor. Equal origins are equal sizes.
struct SizeOrigin {
  Value value;
  int64_t axis = -1; // -1: `value` is the size.
  bool operator==(const SizeOrigin &) const = default;
};

/// The index operand that gives axis \p axis of the result, if there is one.
Value sizeOperand(Operation *op, unsigned axis) {
  auto find = [&](ArrayRef<int64_t> sizes, ValueRange operands) -> Value {
    unsigned dynamic =
        llvm::count(sizes.take_front(axis), ShapedType::kDynamic);
    return ShapedType::isDynamic(sizes[axis]) ? operands[dynamic] : Value();
  };
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return find(reshape.getStaticSizes(), reshape.getSizes());
  if (auto broadcast = dyn_cast<BroadcastToOp>(op))
    return find(broadcast.getStaticSizes(), broadcast.getSizes());
  if (auto slice = dyn_cast<SliceOp>(op))
    return find(slice.getStaticSizes(), slice.getSizes());
  return {};
}

/// Follows an axis to what it got its size from: each op says which axes of its
/// operands run along with one of its result.
SizeOrigin originOf(Value tensor, unsigned axis) {
  // Far enough for a layer; whoever writes longer chains gets coarser spaces.
  constexpr int mostSteps = 256;
  for (int step = 0; step < mostSteps; ++step) {
    Operation *op = tensor.getDefiningOp();
    if (!op)
      break;
    if (Value size = sizeOperand(op, axis)) {
      auto dim = size.getDefiningOp<tensor::DimOp>();
      std::optional<int64_t> number =
          dim ? dim.getConstantIndex() : std::nullopt;
      if (!number)
        return {size, -1};
      tensor = dim.getSource(), axis = *number;
      continue;
    }
    auto stating = dyn_cast<ChannelAxesOpInterface>(op);
    if (!stating || isa<ReshapeOp>(op))
      break;
    ChannelAxes axes(op);
    stating.stateChannelAxes(axes);
    const IndexedAxis *source = nullptr;
    for (const ChannelIndex &index : axes.indices())
      if (const IndexedAxis *own = index.find(axes.resultSlot());
          own && own->span.axis == axis)
        for (const IndexedAxis &other : index.axes)
          if (other.slot < axes.resultSlot() && !axes.isConstant(other.slot) &&
              other.span.size == ShapedType::kDynamic)
            source = &other;
    if (!source)
      break;
    axis = source->span.axis;
    tensor = axes.tensor(source->slot);
  }
  return {tensor, int64_t(axis)};
}

/// The axes of a shape from one end.
class ShapeEnd {
public:
  ShapeEnd(Value tensor, bool fromRight, int64_t last)
      : tensor(tensor),
        shape(cast<RankedTensorType>(tensor.getType()).getShape()), end(last),
        fromRight(fromRight) {}

  bool isEmpty() const { return begin == end; }
  bool hasKnown() const {
    return !isEmpty() && !ShapedType::isDynamic(shape[next()]);
  }
  SizeOrigin origin() const { return originOf(tensor, next()); }
  /// Takes the next axis into `axes`; its size.
  int64_t take(SmallVector<unsigned> &axes) {
    unsigned axis = next();
    fromRight ? --end : ++begin;
    axes.insert(fromRight ? axes.begin() : axes.end(), axis);
    return shape[axis];
  }
  int64_t first() const { return begin; }
  int64_t last() const { return end; }

private:
  int64_t next() const { return fromRight ? end - 1 : begin; }
  Value tensor;
  ArrayRef<int64_t> shape;
  int64_t begin = 0, end;
  bool fromRight;
};

/// Takes the next axes of both where they are of one size not known.
bool takeEqual(ShapeEnd &from, ShapeEnd &to) {
  if (from.isEmpty() || to.isEmpty() || from.hasKnown() || to.hasKnown() ||
      from.origin() != to.origin())
    return false;
  SmallVector<unsigned> axes;
  from.take(axes), to.take(axes);
  return true;
}

/// Splits two shapes, from one end, into the smallest runs of axes with as many
/// elements, as far as sizes can be told.
void matchRuns(ShapeEnd &from, ShapeEnd &to, ChannelAxes &axes) {
  while (takeEqual(from, to) || (from.hasKnown() && to.hasKnown())) {
    if (!from.hasKnown() || !to.hasKnown())
      continue;
    ShapeEnd i = from, j = to;
    SmallVector<unsigned> left, right;
    int64_t sizeLeft = i.take(left), sizeRight = j.take(right);
    while (sizeLeft != sizeRight) {
      if (sizeLeft < sizeRight && i.hasKnown())
        sizeLeft *= i.take(left);
      else if (sizeRight < sizeLeft && j.hasKnown())
        sizeRight *= j.take(right);
      else
        return;
    }
    axes.regroup(left, right);
    from = i, to = j;
  }
}

void reshape(ReshapeOp op, ChannelAxes &axes) {
  unsigned result = axes.resultSlot();
  ShapeEnd from(op.getX(), /*fromRight=*/true, axes.typeOf(data).getRank());
  ShapeEnd to(op.getResult(), /*fromRight=*/true,
              axes.typeOf(result).getRank());
  matchRuns(from, to, axes);
  // What precedes the axes that cannot be told numbers the same runs, too.
  ShapeEnd head(op.getX(), /*fromRight=*/false, from.last());
  ShapeEnd headTo(op.getResult(), /*fromRight=*/false, to.last());
  matchRuns(head, headTo, axes);
  auto pinRest = [&](unsigned slot, const ShapeEnd &rest) {
    for (int64_t axis = rest.first(); axis < rest.last(); ++axis)
      axes.pin(all, slot, axes.wholeAxis(slot, axis),
               "merged with a size not known");
  };
  pinRest(data, head);
  pinRest(result, headTo);
}

/// A tensor's sizes do not depend on what it holds.
void sizesOnly(Operation *, ChannelAxes &axes) {
  for (unsigned axis = 0; axis < axes.typeOf(data).getRank(); ++axis)
    axes.ignore(all, data, axis);
}

} // namespace

void qopt::nn::attachMovementChannelAxes(MLIRContext *context) {
  attachChannelAxes<transpose, TransposeOp>(context);
  attachChannelAxes<concat, ConcatOp>(context);
  attachChannelAxes<slice, SliceOp>(context);
  attachChannelAxes<pad, PadOp>(context);
  attachChannelAxes<gather, GatherOp>(context);
  attachChannelAxes<scatter, ScatterOp>(context);
  attachChannelAxes<broadcastTo, BroadcastToOp>(context);
  attachChannelAxes<reshape, ReshapeOp>(context);
  attachChannelAxes<sizesOnly, tensor::DimOp>(context);
}
