// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalizations that several families of importers share.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

/// Over the axes from `axis` on; `bias` may be null.
mlir::Value layerNorm(NodeImport &node, mlir::Value x, mlir::Value gain,
                      mlir::Value bias, double epsilon, int64_t axis);
mlir::Value rmsNorm(NodeImport &node, mlir::Value x, mlir::Value gain,
                    double epsilon, int64_t axis);

/// Over the last axis.
mlir::Value softmax(NodeImport &node, mlir::Value x);
mlir::Value logSoftmax(NodeImport &node, mlir::Value x, int64_t axis);

} // namespace qopt::import
