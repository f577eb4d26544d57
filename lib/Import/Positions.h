// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Positions along an axis, to compare with.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

/// The size of `axis`; Unsupported when it is dynamic.
int64_t fixedSize(NodeImport &node, mlir::Value x, int64_t axis);

/// 0 .. size - 1 along an axis that `trailing` axes follow, as [size, 1, ..]: it
/// broadcasts over all other axes. A constant where the size is a number.
mlir::Value positions(NodeImport &node, const Scalar &size, int64_t trailing,
                      mlir::Type element);

/// A size, or a product of sizes, as a scalar i64 tensor.
mlir::Value scalarTensor(NodeImport &node, const Scalar &number);

/// 0, stride, 2 * stride, .. along an axis of `size` elements that `trailing`
/// axes follow, as i64 [size, 1, ..].
mlir::Value scaledPositions(NodeImport &node, const Scalar &size,
                            const Scalar &stride, int64_t trailing);

/// The position (i64) of the first or last maximum along `axis`, axis kept. A
/// NaN makes every position count as one.
mlir::Value argMax(NodeImport &node, mlir::Value x, int64_t axis, bool last);

} // namespace qopt::import
