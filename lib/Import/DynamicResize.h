// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resizing one axis whose size is known only when the program runs: places and
// weights are computed there, in float32, from the sizes.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

struct DynamicAxis {
  int64_t axis;
  Scalar to;
  /// Outputs an input; nullopt: the quotient of the sizes.
  std::optional<double> scale;
};

/// `x` with one axis resized as the attributes of the node (Resize) say.
mlir::Value resizeDynamic(NodeImport &node, mlir::Value x,
                          const DynamicAxis &axis);

/// floor(size * scale) for a scale that is a fraction of small numbers.
std::optional<Scalar> scaledSize(NodeImport &node, const Scalar &size,
                                 double scale);

} // namespace qopt::import
