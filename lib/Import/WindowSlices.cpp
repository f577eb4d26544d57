// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Slices of windows.
#include "lib/Import/WindowSlices.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {

Value padAxis(NodeImport &node, Value x, int64_t axis, int64_t low,
              int64_t high, double value) {
  if (low == 0 && high == 0)
    return x;
  SmallVector<int64_t> lows(node.rank(x), 0), highs(node.rank(x), 0);
  lows[axis] = low;
  highs[axis] = high;
  return node.create<nn::PadOp>(
      x, {node.attr("low", lows), node.attr("high", highs),
          node.attr("value", node.builder().getF32FloatAttr(float(value)))});
}

Value padAxisBy(NodeImport &node, Value x, int64_t axis, const Scalar &low,
                const Scalar &high, Value fill) {
  auto block = [&](const Scalar &size) {
    Scalars sizes = node.dims(x);
    sizes[axis] = size;
    return node.broadcastTo(fill, sizes);
  };
  return node.concat({block(low), x, block(high)}, axis);
}

Value spreadAxis(NodeImport &node, Value x, int64_t axis, int64_t gap) {
  if (gap == 0)
    return x;
  Scalars sizes = node.dims(x), apart = sizes;
  apart.insert(apart.begin() + axis + 1, Scalar::ofInt(1));
  x = padAxis(node, node.reshape(x, apart), axis + 1, 0, gap, 0);
  sizes[axis] = node.math().mul(sizes[axis], Scalar::ofInt(gap + 1));
  return node.reshape(x, sizes);
}

Value sliceAxis(NodeImport &node, Value x, int64_t axis, const Scalar &offset,
                const Scalar &size, int64_t step) {
  Scalars offsets(node.rank(x), Scalar::ofInt(0)), sizes = node.dims(x);
  SmallVector<int64_t> steps(node.rank(x), 1);
  offsets[axis] = offset;
  sizes[axis] = size;
  steps[axis] = step;
  return node.slice(x, offsets, sizes, steps);
}

SmallVector<Value> windowSlices(NodeImport &node, Value x, int64_t axis,
                                const AxisWindow &window, double padding) {
  IndexMath &math = node.math();
  constexpr int64_t mostTaps = 1024; // Each is an op.
  if (window.kernel > mostTaps)
    node.unsupported("a window of more than " + Twine(mostTaps) +
                     " elements on one axis is not supported here");
  x = padAxis(node, x, axis, window.low, window.high, padding);
  Scalars sizes = node.dims(x), offsets(sizes.size(), Scalar::ofInt(0));
  // floor((size - span) / stride) + 1, and 0 where the window does not fit.
  Scalar room = math.add(sizes[axis],
                         Scalar::ofInt(window.stride - window.span()));
  sizes[axis] = math.div(math.max(room, Scalar::ofInt(0)),
                         Scalar::ofInt(window.stride));
  if (sizes[axis].isInt(0))
    node.bad("expected a window no larger than the padded input, found " +
             Twine(window.span()) + " elements on axis " + Twine(axis));
  SmallVector<int64_t> steps(sizes.size(), 1);
  steps[axis] = window.stride;
  SmallVector<Value> taps;
  for (int64_t tap = 0; tap < window.kernel; ++tap) {
    offsets[axis] = Scalar::ofInt(tap * window.dilation);
    taps.push_back(node.slice(x, offsets, sizes, steps));
  }
  return taps;
}

double lowestNumber(NodeImport &node, Value x) {
  Type element = node.elementOf(x);
  if (isa<FloatType>(element))
    return -std::numeric_limits<double>::infinity();
  auto integer = cast<IntegerType>(element);
  return integer.isUnsigned() || integer.getWidth() == 1
             ? 0
             : -std::ldexp(1.0, integer.getWidth() - 1);
}

} // namespace qopt::import
