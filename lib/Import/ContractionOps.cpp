// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products: MatMul and Gemm.
#include "lib/Import/Contractions.h"
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {

Value transposeLastTwo(NodeImport &node, Value x) {
  SmallVector<int64_t> perm;
  for (int64_t axis = 0; axis < node.rank(x); ++axis)
    perm.push_back(axis);
  if (perm.size() < 2)
    node.bad("expected a matrix to transpose, found a vector");
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return node.transpose(x, perm);
}

Value scaleBy(NodeImport &node, Value x, double factor) {
  if (factor == 1)
    return x;
  return node.create<nn::MulOp>({x, node.splat(factor, x)});
}

// A vector stands for a row on the left and for a column on the right.
Value importProduct(NodeImport &node, Value a, Value b) {
  bool aVector = node.rank(a) == 1, bVector = node.rank(b) == 1;
  if (node.rank(a) == 0 || node.rank(b) == 0)
    node.bad("expected vectors or matrices, found a scalar");
  if (aVector)
    a = node.reshape(a, {Scalar::ofInt(1), node.dims(a)[0]});
  if (bVector)
    b = node.reshape(b, {node.dims(b)[0], Scalar::ofInt(1)});
  Value product = node.create<nn::MatMulOp>({a, b});
  if (!aVector && !bVector)
    return product;
  Scalars sizes = node.dims(product);
  if (bVector)
    sizes.pop_back();
  if (aVector)
    sizes.erase(sizes.end() - (bVector ? 1 : 2));
  return node.reshape(product, sizes);
}

namespace {
void importMatMul(NodeImport &node) {
  node.result(importProduct(node, node.input(0), node.input(1)));
}

// alpha * a @ b + beta * c, either matrix transposed if asked.
void importGemm(NodeImport &node) {
  Value a = node.input(0), b = node.input(1);
  if (node.rank(a) != 2 || node.rank(b) != 2)
    node.bad("expected two matrices, found " +
             shapeText(node.typeOf(a).getShape()) + " and " +
             shapeText(node.typeOf(b).getShape()));
  if (node.integer("transA", 0))
    a = transposeLastTwo(node, a);
  if (node.integer("transB", 0))
    b = transposeLastTwo(node, b);
  Value product = node.create<nn::MatMulOp>({a, b});
  product = scaleBy(node, product, node.real("alpha", 1));
  double beta = node.real("beta", 1);
  if (node.hasInput(2) && beta != 0)
    product =
        node.create<nn::AddOp>({product, scaleBy(node, node.input(2), beta)});
  node.result(product);
}

constexpr OpEntry rows[] = {
    {"Gemm", 2, 3, importGemm},
    {"MatMul", 2, 2, importMatMul},
};
} // namespace

ArrayRef<OpEntry> contractionOps() { return rows; }

} // namespace qopt::import
