// What elementwise ops say of channels.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/ChannelAxes.h"
#include "dialects/NN/NNOps.h"

using namespace mlir;
using namespace qopt::nn;

namespace {

constexpr Groups D = Groups::Diagonal, P = Groups::Permutation,
                 O = Groups::Orthogonal, all = Groups::All;

/// One axis of the result, and what each operand has there.
struct BroadcastIndex {
  unsigned index;
  SmallVector<unsigned, 3> present; // Operands that run along it.
  SmallVector<unsigned, 3> absent;  // Operands that are the same along it.
  bool runsIn(unsigned slot) const { return llvm::is_contained(present, slot); }
};

/// Aligns operands at the last axis, as numpy does.
SmallVector<BroadcastIndex> broadcastIndices(ChannelAxes &axes) {
  SmallVector<BroadcastIndex> found;
  unsigned result = axes.resultSlot();
  int64_t rank = axes.typeOf(result).getRank();
  for (int64_t axis = 0; axis < rank; ++axis) {
    int64_t size = axes.sizeOf(result, axis);
    if (size == 1)
      continue;
    SmallVector<std::pair<unsigned, unsigned>> running;
    BroadcastIndex entry;
    for (unsigned slot = 0; slot < result; ++slot) {
      int64_t own = axis - (rank - axes.typeOf(slot).getRank());
      if (own >= 0 && axes.sizeOf(slot, own) != 1) {
        running.push_back({slot, unsigned(own)});
        entry.present.push_back(slot);
      } else {
        entry.absent.push_back(slot);
      }
    }
    running.push_back({result, unsigned(axis)});
    entry.index = axes.index(running);
    found.push_back(std::move(entry));
  }
  return found;
}

/// A term or bound that is the same for all channels: a constant becomes a
/// vector, anything else forbids what treats channels differently.
void spreadAbsent(const BroadcastIndex &entry, Groups groups,
                  ChannelAxes &axes) {
  for (unsigned slot : entry.absent) {
    if (axes.isConstant(slot))
      axes.expand(groups, entry.index, slot);
    else
      axes.pin(groups, entry.index, "an operand is the same along it");
  }
}

//===-- The table ---------------------------------------------------------===//

/// y = a + b, -a, widened a.
void linear(Operation *, ChannelAxes &axes) {
  for (const BroadcastIndex &entry : broadcastIndices(axes)) {
    axes.join(all, entry.index);
    spreadAbsent(entry, D | O, axes);
  }
}

/// f(g x) = g f(x) for g > 0: relu, absolute value, maximum of two.
void homogeneous(Operation *, ChannelAxes &axes) {
  for (const BroadcastIndex &entry : broadcastIndices(axes)) {
    axes.join(P, entry.index);
    axes.joinPositive(D, entry.index);
    axes.pin(O, entry.index, "nonlinear");
    spreadAbsent(entry, D, axes);
  }
}

/// min(max(x, lo), hi): as relu, once each channel has its own bounds.
void clip(ClipOp op, ChannelAxes &axes) {
  auto keepsItself = [](const APFloat &bound) {
    return bound.isZero() || bound.isInfinity();
  };
  for (const BroadcastIndex &entry : broadcastIndices(axes)) {
    axes.join(P, entry.index);
    axes.joinPositive(D, entry.index);
    axes.pin(O, entry.index, "nonlinear");
    if (!keepsItself(op.getLo()) || !keepsItself(op.getHi()))
      axes.bounds(entry.index);
  }
}

/// Any function of one element: only the order of elements is free.
void nonlinear(Operation *, ChannelAxes &axes) {
  for (const BroadcastIndex &entry : broadcastIndices(axes)) {
    axes.join(P, entry.index);
    axes.pin(D | O, entry.index, "nonlinear");
  }
}

void conversion(CastOp op, ChannelAxes &axes) {
  auto from = dyn_cast<FloatType>(axes.typeOf(0).getElementType());
  auto to = dyn_cast<FloatType>(op.getTo());
  bool widens = from && to && from.getWidth() < to.getWidth();
  widens ? linear(op, axes) : nonlinear(op, axes);
}

/// lhs * rhs, lhs / rhs: linear in lhs where rhs is the same for all channels.
void product(ChannelAxes &axes, bool divides) {
  constexpr unsigned lhs = 0, rhs = 1;
  unsigned result = axes.resultSlot();
  for (const BroadcastIndex &entry : broadcastIndices(axes)) {
    bool linearInLhs = !entry.runsIn(rhs);
    bool linearInRhs = !entry.runsIn(lhs) && !divides;
    axes.join(P, entry.index);
    if (linearInLhs || linearInRhs) {
      axes.join(D | O, entry.index);
      continue;
    }
    if (!entry.runsIn(lhs)) {
      axes.pin(D | O, entry.index, "nonlinear");
      continue;
    }
    axes.product(entry.index, result, {{lhs, false}, {rhs, divides}});
    if (axes.isUniform(rhs))
      axes.join(O, entry.index, {lhs, result});
    else if (axes.isUniform(lhs) && !divides)
      axes.join(O, entry.index, {rhs, result});
    else
      axes.pin(O, entry.index, "elementwise product");
  }
}
void multiply(MulOp, ChannelAxes &axes) { product(axes, /*divides=*/false); }
void divide(DivOp, ChannelAxes &axes) { product(axes, /*divides=*/true); }

/// condition ? lhs : rhs is linear in both, where all channels choose alike.
void selection(SelectOp, ChannelAxes &axes) {
  constexpr unsigned condition = 0;
  for (const BroadcastIndex &entry : broadcastIndices(axes)) {
    axes.join(P, entry.index);
    SmallVector<unsigned> data{axes.resultSlot()};
    BroadcastIndex ofData = entry;
    llvm::erase(ofData.absent, condition);
    for (unsigned slot : entry.present)
      if (slot != condition)
        data.push_back(slot);
    axes.join(D, entry.index, data);
    bool apart = entry.runsIn(condition);
    if (apart)
      axes.pin(O, entry.index, "channels choose apart");
    else
      axes.join(O, entry.index, data);
    spreadAbsent(ofData, apart ? D : D | O, axes);
  }
}

} // namespace

void qopt::nn::attachPointwiseChannelAxes(MLIRContext *context) {
  attachChannelAxes<linear, AddOp, SubOp, NegOp>(context);
  attachChannelAxes<homogeneous, ReluOp, LeakyReluOp, AbsOp, MinOp, MaxOp>(
      context);
  attachChannelAxes<clip, ClipOp>(context);
  attachChannelAxes<multiply, MulOp>(context);
  attachChannelAxes<divide, DivOp>(context);
  attachChannelAxes<selection, SelectOp>(context);
  attachChannelAxes<conversion, CastOp>(context);
  attachChannelAxes<nonlinear, SigmoidOp, TanhOp, ErfOp, ExpOp, LogOp, SqrtOp,
                    RsqrtOp, ReciprocalOp, FloorOp, CeilOp, RoundOp, SinOp,
                    CosOp, GeluOp, GeluTanhOp, SiluOp, SoftplusOp,
                    HardSigmoidOp, HardSwishOp, NotOp, ElementaryOp, BitCastOp,
                    PowOp, ModOp, EqualOp, LessOp, LessEqualOp, GreaterOp,
                    GreaterEqualOp, AndOp, OrOp>(context);
}
