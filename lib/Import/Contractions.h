// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pieces of products that several families of importers share.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

mlir::Value transposeLastTwo(NodeImport &node, mlir::Value x);
mlir::Value scaleBy(NodeImport &node, mlir::Value x, double factor);
/// numpy.matmul.
mlir::Value importProduct(NodeImport &node, mlir::Value a, mlir::Value b);

} // namespace qopt::import
