// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What convolutions and pools share: the window's attributes, automatic
// padding, and the way from ONNX's channels-first tensors to the dialect's
// channels-last ones and back. One-dimensional windows become two-dimensional
// with a height of 1.
#pragma once

#include "lib/Import/WindowSlices.h"

namespace qopt::import {

/// One entry a spatial axis, two or more of them.
struct Window {
  llvm::SmallVector<int64_t> kernel, strides, dilations;
  llvm::SmallVector<int64_t> pads; // all low, then all high
  /// What ceil_mode adds to the high pads: outside even of the padding.
  llvm::SmallVector<int64_t> ceilPads;
  bool isOneDimensional = false;

  int64_t rank() const { return kernel.size(); }
  AxisWindow axis(int64_t i) const {
    return {kernel[i], strides[i], dilations[i], pads[i], pads[i + rank()]};
  }
  /// Of a two-dimensional window.
  llvm::SmallVector<mlir::NamedAttribute> attributes(NodeImport &node,
                                                     bool withKernel) const;
};

/// The kernel sizes of `filter` [O, I, spatial...] over `x`: of its type, or of
/// the attribute kernel_shape where that leaves them open (then the filter gets
/// them, and the run checks them).
llvm::SmallVector<int64_t> readKernel(NodeImport &node, mlir::Value x,
                                      mlir::Value &filter);

/// The window of `node` over `x` (N, C, spatial...), with `kernel` sizes. Where
/// automatic padding depends on a dynamic size, x comes back padded by
/// `padding`; Unsupported without one.
Window readWindow(NodeImport &node, mlir::Value &x,
                  llvm::ArrayRef<int64_t> kernel,
                  std::optional<double> padding = std::nullopt);

/// A list of one entry a spatial axis, or `fill` everywhere.
llvm::SmallVector<int64_t> spatialList(NodeImport &node, llvm::StringRef name,
                                       size_t count, int64_t fill);

/// Pads enlarged so that rounding down gives what rounding up would have.
void applyCeilMode(NodeImport &node, mlir::Value x, Window &window);

/// N, C, spatial... to N, spatial..., C.
mlir::Value toChannelsLast(NodeImport &node, mlir::Value x);
/// Back again; one-dimensional tensors lose their height.
mlir::Value toChannelsFirst(NodeImport &node, mlir::Value x,
                            bool isOneDimensional);

/// nn.conv for any number of spatial axes: x [N, S.., C], filter
/// [O, K.., C / groups]. Leading axes beyond two are folded: each of their taps
/// becomes channels of its own.
mlir::Value convolve(NodeImport &node, mlir::Value x, mlir::Value filter,
                     Window window, int64_t groups);

} // namespace qopt::import
