// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows along one axis as slices of a tensor, one a tap: how windows of more
// than two dimensions, and those no kernel knows, are made of plain ops.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

/// Output o, tap t sees element o * stride - low + t * dilation.
struct AxisWindow {
  int64_t kernel = 1, stride = 1, dilation = 1, low = 0, high = 0;

  int64_t span() const { return dilation * (kernel - 1) + 1; }
};

/// x with `low` and `high` elements of `value` added to one axis.
mlir::Value padAxis(NodeImport &node, mlir::Value x, int64_t axis, int64_t low,
                    int64_t high, double value);
/// The same by sizes that may be known at run time only, with a scalar `fill`.
mlir::Value padAxisBy(NodeImport &node, mlir::Value x, int64_t axis,
                      const Scalar &low, const Scalar &high, mlir::Value fill);

/// One axis with `gap` zeros after each element.
mlir::Value spreadAxis(NodeImport &node, mlir::Value x, int64_t axis,
                       int64_t gap);

/// A part of one axis.
mlir::Value sliceAxis(NodeImport &node, mlir::Value x, int64_t axis,
                      const Scalar &offset, const Scalar &size,
                      int64_t step = 1);

/// The result for each tap, in order: x along `axis` as the tap sees it, with
/// `padding` outside. Each has the window's number of outputs on that axis.
llvm::SmallVector<mlir::Value> windowSlices(NodeImport &node, mlir::Value x,
                                            int64_t axis,
                                            const AxisWindow &window,
                                            double padding);

/// The slices joined by OpTy, first tap first.
template <typename OpTy>
mlir::Value reduceWindow(NodeImport &node, mlir::Value x, int64_t axis,
                         const AxisWindow &window, double padding) {
  mlir::Value result;
  for (mlir::Value tap : windowSlices(node, x, axis, window, padding))
    result = result ? node.create<OpTy>({result, tap}) : tap;
  return result;
}

/// The smallest number of x's element type: what a maximum may be padded with.
double lowestNumber(NodeImport &node, mlir::Value x);

} // namespace qopt::import
