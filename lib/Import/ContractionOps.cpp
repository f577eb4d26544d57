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

// Element [row, column] of every matrix, [.., 1, 1].
Value matrixElement(NodeImport &node, Value x, int64_t row, int64_t column) {
  Scalars sizes = node.dims(x), offsets(sizes.size(), Scalar::ofInt(0));
  size_t rank = sizes.size();
  sizes[rank - 2] = sizes[rank - 1] = Scalar::ofInt(1);
  offsets[rank - 2] = Scalar::ofInt(row);
  offsets[rank - 1] = Scalar::ofInt(column);
  return node.slice(x, offsets, sizes);
}

// Expansion along the first of the rows [row, n), over the columns left.
Value determinant(NodeImport &node, Value x, int64_t row,
                  ArrayRef<int64_t> columns) {
  Value sum;
  for (auto [i, column] : llvm::enumerate(columns)) {
    Value term = matrixElement(node, x, row, column);
    if (columns.size() > 1) {
      SmallVector<int64_t> rest(columns);
      rest.erase(rest.begin() + i);
      term = node.create<nn::MulOp>(
          {term, determinant(node, x, row + 1, rest)});
    }
    if (!sum)
      sum = term;
    else if (i % 2)
      sum = node.create<nn::SubOp>({sum, term});
    else
      sum = node.create<nn::AddOp>({sum, term});
  }
  return sum;
}

void importDet(NodeImport &node) {
  Value x = node.input(0);
  int64_t rank = node.rank(x);
  if (rank < 2 || node.typeOf(x).getDimSize(rank - 1) !=
                      node.typeOf(x).getDimSize(rank - 2))
    node.bad("expected square matrices, found shape " +
             shapeText(node.typeOf(x).getShape()));
  int64_t size = node.typeOf(x).getDimSize(rank - 1);
  if (ShapedType::isDynamic(size) || size < 1 || size > 4)
    node.unsupported("determinants are supported of 1 to 4 rows, fixed");
  auto columns = llvm::to_vector(llvm::seq<int64_t>(0, size));
  Scalars sizes(ArrayRef<Scalar>(node.dims(x)).drop_back(2));
  node.result(node.reshape(determinant(node, x, 0, columns), sizes));
}

constexpr OpEntry rows[] = {
    {"Det", 1, 1, importDet},
    {"Gemm", 2, 3, importGemm},
    {"MatMul", 2, 2, importMatMul},
};
} // namespace

ArrayRef<OpEntry> contractionOps() { return rows; }

} // namespace qopt::import
