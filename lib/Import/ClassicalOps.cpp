// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of the domain ai.onnx.ml, which classical machine learning is made of.
#include "lib/Import/OpTable.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

// Elements of the last axis; what is chosen from a vector is a row.
void importArrayFeatureExtractor(NodeImport &node) {
  Value x = node.input(0), indices = node.input(1);
  if (node.rank(x) == 0)
    node.bad("expected a tensor of rank 1 or more, found a scalar");
  Scalar count = node.math().product(node.dims(indices));
  indices = node.reshape(indices, count);
  if (node.rank(x) == 1) {
    Scalar size = node.dims(x)[0];
    x = node.reshape(x, {Scalar::ofInt(1), size});
  }
  node.result(node.create<nn::GatherOp>(
      {x, indices}, {node.attr("axis", node.builder().getI64IntegerAttr(
                                           node.rank(x) - 1))}));
}

void importBinarizer(NodeImport &node) {
  Value x = node.input(0);
  double threshold = node.real("threshold", 0);
  if (!node.isFloat(x)) // Integers are above a number as above its floor.
    threshold = std::floor(threshold);
  Value isAbove = node.create<nn::GreaterOp>({x, node.splat(threshold, x)});
  node.result(node.cast(isAbove, node.elementOf(x)));
}

constexpr OpEntry rows[] = {
    {"ArrayFeatureExtractor", 2, 2, importArrayFeatureExtractor},
    {"Binarizer", 1, 1, importBinarizer},
};
} // namespace

ArrayRef<OpEntry> classicalOps() { return rows; }

} // namespace qopt::import
