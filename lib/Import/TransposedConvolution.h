// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transposed convolution as an ordinary one. Input i and tap t contribute to
// output i * stride + t * dilation - low. Outputs of one remainder by the stride
// (a phase) see every stride-th tap: a convolution of ceil(span / stride) taps,
// stride 1. All phases together are one convolution with stride times as many
// channels, which then go to their places:
//
//   stride 2, kernel 3, w0 w1 w2:   output 2q     = x[q] w0 + x[q - 1] w2
//                                   output 2q + 1 = x[q] w1
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

/// One spatial axis of a transposed convolution.
struct TransposedAxis {
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t low = 0;  // outputs cut off at the front
  int64_t more = 0; // outputs after the last that a tap reaches

  int64_t span() const { return dilation * (kernel - 1) + 1; }
};

/// x [N, S.., C], filter as ONNX has it: [C, O / groups, K..]; the result is
/// [N, S'.., O]. At least two spatial axes.
mlir::Value convolveTransposed(NodeImport &node, mlir::Value x,
                               mlir::Value filter,
                               llvm::ArrayRef<TransposedAxis> axes,
                               int64_t groups);

} // namespace qopt::import
