// What norms, reductions and pooling say of channels.
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

/// Axes before the last: rows that are treated one by one.
void rowIndices(ChannelAxes &axes, unsigned x) {
  unsigned result = axes.resultSlot();
  for (unsigned axis = 0; axis + 1 < axes.typeOf(x).getRank(); ++axis) {
    unsigned index = axes.index({{x, axis}, {result, axis}});
    axes.join(P, index);
    axes.pin(D | O, index, "numbers rows");
  }
}

/// x / |x| * gain + bias: the gain takes a diagonal; norms do not see rotation.
void norm(ChannelAxes &axes, bool hasBias, bool centered) {
  constexpr unsigned x = 0, gain = 1, bias = 2;
  unsigned result = axes.resultSlot(), last = axes.typeOf(x).getRank() - 1;
  rowIndices(axes, x);
  SmallVector<std::pair<unsigned, unsigned>> running{
      {x, last}, {gain, 0}, {result, last}};
  SmallVector<unsigned> written{result, gain};
  if (hasBias) {
    running.push_back({bias, 0});
    written.push_back(bias);
  }
  unsigned index = axes.index(running);
  axes.join(P, index);
  axes.join(D, index, written);
  axes.pin(D, x, axes.wholeAxis(x, last), "its statistics change");
  axes.norm(index, x, gain, result, centered);
}
void layerNorm(LayerNormOp op, ChannelAxes &axes) {
  norm(axes, bool(op.getBias()), /*centered=*/true);
}
void rmsNorm(RMSNormOp, ChannelAxes &axes) {
  norm(axes, /*hasBias=*/false, /*centered=*/false);
}

void softmax(SoftmaxOp, ChannelAxes &axes) {
  unsigned result = axes.resultSlot(), last = axes.typeOf(0).getRank() - 1;
  rowIndices(axes, 0);
  unsigned index = axes.index({{0, last}, {result, last}});
  axes.join(P, index);
  axes.pin(D | O, index, "softmax along it");
}

/// `keeps`: what joins along the axes that stay.
void reduce(ArrayRef<int64_t> reduced, bool keepdims, Groups linear,
            Groups positive, ChannelAxes &axes) {
  unsigned result = axes.resultSlot(), next = 0;
  for (unsigned axis = 0; axis < axes.typeOf(0).getRank(); ++axis) {
    if (llvm::is_contained(reduced, int64_t(axis))) {
      // The order of what is summed does not matter (but for rounding).
      axes.ignore(P, 0, axis);
      axes.pin(D | O, 0, axes.wholeAxis(0, axis), "reduced");
      next += keepdims;
      continue;
    }
    unsigned index = axes.index({{0, axis}, {result, next++}});
    axes.join(linear, index);
    axes.joinPositive(positive, index);
    Groups rest = all & ~(linear | positive);
    if (rest != Groups::None)
      axes.pin(rest, index, "nonlinear");
  }
}
template <typename Op> void linearReduction(Op op, ChannelAxes &axes) {
  reduce(op.getAxes(), op.getKeepdims(), all, Groups::None, axes);
}
template <typename Op> void extremum(Op op, ChannelAxes &axes) {
  reduce(op.getAxes(), op.getKeepdims(), P, D, axes);
}
void productReduction(ReduceProdOp op, ChannelAxes &axes) {
  reduce(op.getAxes(), op.getKeepdims(), P, Groups::None, axes);
}

void cumulate(ChannelAxes &axes, int64_t along, Groups others) {
  unsigned result = axes.resultSlot();
  for (unsigned axis = 0; axis < axes.typeOf(0).getRank(); ++axis) {
    unsigned index = axes.index({{0, axis}, {result, axis}});
    if (int64_t(axis) == along) {
      axes.pin(all, index, "accumulates along it");
      continue;
    }
    axes.join(others, index);
    if (others != all)
      axes.pin(all & ~others, index, "nonlinear");
  }
}
void cumsum(CumSumOp op, ChannelAxes &axes) {
  cumulate(axes, op.getAxis(), all);
}
void cumprod(CumProdOp op, ChannelAxes &axes) {
  cumulate(axes, op.getAxis(), P);
}

/// Windows over [N, H, W, C].
void pool(ChannelAxes &axes, Groups linear, Groups positive) {
  unsigned result = axes.resultSlot();
  for (unsigned axis : {0u, 3u}) {
    unsigned index = axes.index({{0, axis}, {result, axis}});
    axes.join(linear, index);
    axes.joinPositive(positive, index);
    Groups rest = all & ~(linear | positive);
    if (rest != Groups::None)
      axes.pin(rest, index, "nonlinear");
  }
  for (unsigned slot : {0u, result})
    for (unsigned axis : {1u, 2u})
      axes.pin(all, slot, axes.wholeAxis(slot, axis), "windows slide along it");
}
void averagePool(AvgPoolOp, ChannelAxes &axes) {
  pool(axes, all, Groups::None);
}
void maximumPool(MaxPoolOp, ChannelAxes &axes) { pool(axes, P, D); }

} // namespace

void qopt::nn::attachReductionChannelAxes(MLIRContext *context) {
  attachChannelAxes<layerNorm, LayerNormOp>(context);
  attachChannelAxes<rmsNorm, RMSNormOp>(context);
  attachChannelAxes<softmax, SoftmaxOp>(context);
  attachChannelAxes<linearReduction<ReduceSumOp>, ReduceSumOp>(context);
  attachChannelAxes<linearReduction<ReduceMeanOp>, ReduceMeanOp>(context);
  attachChannelAxes<extremum<ReduceMaxOp>, ReduceMaxOp>(context);
  attachChannelAxes<extremum<ReduceMinOp>, ReduceMinOp>(context);
  attachChannelAxes<productReduction, ReduceProdOp>(context);
  attachChannelAxes<cumsum, CumSumOp>(context);
  attachChannelAxes<cumprod, CumProdOp>(context);
  attachChannelAxes<averagePool, AvgPoolOp>(context);
  attachChannelAxes<maximumPool, MaxPoolOp>(context);
}
