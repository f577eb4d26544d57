// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What convolutions and pools share: the window's attributes, automatic
// padding, and the way from ONNX's channels-first tensors to the dialect's
// channels-last ones and back. One-dimensional windows become two-dimensional
// with a height of 1.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

struct Window {
  llvm::SmallVector<int64_t> kernel, strides, dilations;
  llvm::SmallVector<int64_t> pads; // top, left, bottom, right
  bool isOneDimensional = false;

  llvm::SmallVector<mlir::NamedAttribute> attributes(NodeImport &node,
                                                     bool withKernel) const;
};

/// The window of `node` over `x` (N, C, spatial...), with `kernel` sizes.
Window readWindow(NodeImport &node, mlir::Value x,
                  llvm::ArrayRef<int64_t> kernel);

/// Pads enlarged so that rounding down gives what rounding up would have.
/// Returns whether that changed anything.
bool applyCeilMode(NodeImport &node, mlir::Value x, Window &window);

/// N, C, [H,] W to N, H, W, C.
mlir::Value toChannelsLast(NodeImport &node, mlir::Value x);
/// Back again; one-dimensional tensors lose their height.
mlir::Value toChannelsFirst(NodeImport &node, mlir::Value x,
                            bool isOneDimensional);

} // namespace qopt::import
