// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Images read between their pixels, at places that are data: GridSample,
// RoiAlign, DeformConv. An image is a matrix of pixels' channels; a sample is a
// weighted sum of a few of its rows.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

/// One neighbour along one axis, for each sample; all tensors broadcast.
struct Neighbour {
  mlir::Value index;  // i64, inside the axis
  mlir::Value weight; // of the samples' float type; null: 1
  mlir::Value inside; // i1; where false the neighbour is 0; null: everywhere
};

/// Arithmetic with fewer letters.
struct Arithmetic {
  NodeImport &node;

  mlir::Value add(mlir::Value a, mlir::Value b) {
    return node.create<nn::AddOp>({a, b});
  }
  mlir::Value sub(mlir::Value a, mlir::Value b) {
    return node.create<nn::SubOp>({a, b});
  }
  mlir::Value mul(mlir::Value a, mlir::Value b) {
    return node.create<nn::MulOp>({a, b});
  }
  mlir::Value div(mlir::Value a, mlir::Value b) {
    return node.create<nn::DivOp>({a, b});
  }
  mlir::Value add(mlir::Value a, double b) { return add(a, node.splat(b, a)); }
  mlir::Value sub(mlir::Value a, double b) { return sub(a, node.splat(b, a)); }
  mlir::Value mul(mlir::Value a, double b) { return mul(a, node.splat(b, a)); }
  mlir::Value floor(mlir::Value a) { return node.create<nn::FloorOp>(a); }
  mlir::Value abs(mlir::Value a) { return node.create<nn::AbsOp>(a); }
  mlir::Value min(mlir::Value a, mlir::Value b) {
    return node.create<nn::MinOp>({a, b});
  }
  mlir::Value max(mlir::Value a, mlir::Value b) {
    return node.create<nn::MaxOp>({a, b});
  }
  mlir::Value max(mlir::Value a, double b) { return max(a, node.splat(b, a)); }
  mlir::Value less(mlir::Value a, mlir::Value b) {
    return node.create<nn::LessOp>({a, b});
  }
  mlir::Value less(mlir::Value a, double b) {
    return less(a, node.splat(b, a));
  }
  mlir::Value both(mlir::Value a, mlir::Value b) {
    return node.create<nn::AndOp>({a, b});
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) {
    return node.create<nn::SelectOp>({condition, a, b});
  }
  /// A size as a float scalar.
  mlir::Value size(const Scalar &size, mlir::Type element);
};

/// The two neighbours of coordinates `at` (float) for linear interpolation.
/// What lies outside [0, size) counts as 0.
llvm::SmallVector<Neighbour> linearNeighbours(NodeImport &node, mlir::Value at,
                                              const Scalar &size);

/// Samples of `rows` [R, C], where a pixel's row is `base` + its position
/// among `sizes`; `axes` has the neighbours along each. All indices have the
/// shape of `base` when broadcast: P.. . The result is [P.., C]. Terms are
/// joined by OpTy: a sum, or the largest product.
template <typename OpTy = nn::AddOp>
mlir::Value sampleRows(NodeImport &node, mlir::Value rows, mlir::Value base,
                       llvm::ArrayRef<llvm::SmallVector<Neighbour>> axes,
                       llvm::ArrayRef<Scalar> sizes);

} // namespace qopt::import
