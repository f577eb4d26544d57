// What products and attention say of channels.
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

/// The index of `axis` of the result and the `operands` that run along it:
/// those of size 1 are the same for all of its positions.
unsigned batchIndex(ChannelAxes &axes, ArrayRef<unsigned> operands,
                    int64_t axis) {
  unsigned result = axes.resultSlot();
  int64_t rank = axes.typeOf(result).getRank();
  SmallVector<std::pair<unsigned, unsigned>> running;
  for (unsigned slot : operands) {
    int64_t own = axis - (rank - axes.typeOf(slot).getRank());
    if (own >= 0 && axes.sizeOf(slot, own) != 1)
      running.push_back({slot, unsigned(own)});
  }
  running.push_back({result, unsigned(axis)});
  return axes.index(running);
}

/// The axes before the last two, which number independent products.
void batchIndices(ChannelAxes &axes, ArrayRef<unsigned> operands) {
  int64_t rank = axes.typeOf(axes.resultSlot()).getRank();
  for (int64_t axis = 0; axis + 2 < rank; ++axis) {
    unsigned index = batchIndex(axes, operands, axis);
    axes.join(P, index);
    axes.pin(D | O, index, "numbers products");
  }
}

/// result[b, m, n] = sum_k lhs[b, m, k] rhs[b, k, n]
void matmul(MatMulOp, ChannelAxes &axes) {
  constexpr unsigned lhs = 0, rhs = 1;
  unsigned result = axes.resultSlot(), l = axes.typeOf(lhs).getRank(),
           r = axes.typeOf(rhs).getRank(), n = axes.typeOf(result).getRank();
  batchIndices(axes, {lhs, rhs});
  axes.join(all, axes.index({{lhs, l - 2}, {result, n - 2}}));
  axes.join(all, axes.index({{rhs, r - 1}, {result, n - 1}}));
  axes.contract(all, axes.index({{lhs, l - 1}, {rhs, r - 2}}));
}

constexpr unsigned image = 0, filter = 1;
constexpr unsigned channelAxis = 3; // Of images and of filters' inputs.

/// result[o, .] = filter[o] * x[o, .]: an elementwise product per channel.
void depthwise(ChannelAxes &axes) {
  unsigned result = axes.resultSlot();
  unsigned index =
      axes.index({{image, channelAxis}, {filter, 0}, {result, channelAxis}});
  axes.product(index, result, {{image, false}, {filter, false}});
  axes.join(P, index);
  axes.pin(O, index, "each channel has a filter of its own");
}

/// Each group is a convolution of its own: inputs [i * in, ..) and filters
/// [i * out, ..) make outputs [i * out, ..).
void grouped(ChannelAxes &axes, int64_t groups) {
  unsigned result = axes.resultSlot();
  int64_t in = axes.sizeOf(filter, channelAxis),
          out = axes.sizeOf(filter, 0) / groups;
  for (int64_t i = 0; i < groups; ++i) {
    AxisSpan outputs{0, i * out, out};
    axes.contract(all, axes.indexOver(SmallVector<IndexedAxis, 3>{
                           {image, {channelAxis, i * in, in}, {}},
                           {filter, {channelAxis, 0, in}, {outputs}}}));
    axes.join(all, axes.indexOver(SmallVector<IndexedAxis, 3>{
                       {filter, outputs, {}},
                       {result, {channelAxis, i * out, out}, {}}}));
  }
}

void conv(ConvOp op, ChannelAxes &axes) {
  unsigned result = axes.resultSlot();
  int64_t groups = op.getGroups();
  if (axes.typeOf(image).isDynamicDim(channelAxis) ||
      !axes.typeOf(filter).hasStaticShape() || op.getPadValue() != 0)
    return axes.pinAll(all, "sizes or padding not known");
  unsigned images = axes.index({{image, 0}, {result, 0}});
  axes.join(P, images);
  axes.pin(D | O, images, "numbers images");
  for (unsigned slot : {image, result})
    for (unsigned axis : {1u, 2u})
      axes.pin(all, slot, axes.wholeAxis(slot, axis), "windows slide along it");
  for (unsigned axis : {1u, 2u})
    axes.pin(all, filter, axes.wholeAxis(filter, axis), "taps of a window");
  if (groups == 1) {
    axes.contract(all,
                  axes.index({{image, channelAxis}, {filter, channelAxis}}));
    axes.join(all, axes.index({{filter, 0}, {result, channelAxis}}));
  } else if (axes.sizeOf(filter, channelAxis) == 1 &&
             axes.sizeOf(filter, 0) == groups) {
    depthwise(axes);
  } else if (!axes.isConstant(filter)) {
    axes.pinAll(all, "the filters of groups are computed");
  } else {
    grouped(axes, groups);
  }
}

/// result[b, s, e] = sum_t softmax_t(sum_d q[b, s, d] k[b, t, d]) v[b, t, e]
void attention(AttentionOp, ChannelAxes &axes) {
  constexpr unsigned q = 0, k = 1, v = 2;
  unsigned result = axes.resultSlot(), last = axes.typeOf(q).getRank() - 1;
  // Heads are numbered alike in all that have them; a mask may tell them apart.
  for (unsigned axis = 0; axis + 1 < last; ++axis)
    axes.pin(all, batchIndex(axes, {q, k, v}, axis), "numbers heads");
  axes.pin(all, axes.index({{q, last - 1}, {result, last - 1}}), "positions");
  axes.pin(all, axes.index({{k, last - 1}, {v, last - 1}}), "positions");
  axes.contract(all, axes.index({{q, last}, {k, last}}));
  axes.join(all, axes.index({{v, last}, {result, last}}));
}

} // namespace

void qopt::nn::attachContractionChannelAxes(MLIRContext *context) {
  attachChannelAxes<matmul, MatMulOp>(context);
  attachChannelAxes<conv, ConvOp>(context);
  attachChannelAxes<attention, AttentionOp>(context);
}
