// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops whose result's size is found in the data, and sorting. A kernel writes as
// much as there can be, with the count in front; reading the count at run time
// tells how much of it counts.
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {
namespace {

// Elements [start, start + count) of row `row` of nn.unique's result, or of a
// vector.
Value cut(NodeImport &node, Value x, int64_t row, int64_t start, Scalar count) {
  if (node.rank(x) == 1)
    return node.slice(x, {Scalar::ofInt(start)}, {count});
  Value part = node.slice(x, {Scalar::ofInt(row), Scalar::ofInt(start)},
                          {Scalar::ofInt(1), count});
  return node.reshape(part, {count});
}

// The row-major positions of nonzero elements, [count].
Value nonzeroPositions(NodeImport &node, Value x) {
  Value all = node.create<nn::NonZeroOp>(x);
  return cut(node, all, 0, 1, node.element(all, 0, /*nonNegative=*/true));
}

Value gather(NodeImport &node, Value data, Value indices, int64_t axis) {
  return node.create<nn::GatherOp>(
      {data, indices},
      {node.attr("axis", node.builder().getI64IntegerAttr(axis))});
}

Value flattened(NodeImport &node, Value x) {
  return node.reshape(x, {node.math().product(node.dims(x))});
}

// i64 scalar of a size.
Value sizeTensor(NodeImport &node, Scalar size) {
  SmallVector<Value> operands;
  if (!size.isInt())
    operands.push_back(size.value);
  int64_t fixed = size.isInt() ? size.integer : ShapedType::kDynamic;
  return node.create<nn::SizesOp>(operands, {node.attr("static_sizes", fixed)});
}

// A row of positions an axis: quotients of what is left by the product of the
// sizes behind it.
void importNonZero(NodeImport &node) {
  Value x = node.input(0);
  Scalars sizes = node.dims(x);
  Value rest = nonzeroPositions(node, x);
  Scalar count = node.dims(rest)[0];
  if (sizes.empty())
    return node.result(
        node.reshape(node.slice(rest, {Scalar::ofInt(0)}, {Scalar::ofInt(0)}),
                     {Scalar::ofInt(0), Scalar::ofInt(0)}));
  SmallVector<Value> rows;
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    Value row = rest;
    if (axis + 1 < sizes.size()) {
      Scalar behind = node.math().product(
          ArrayRef<Scalar>(sizes).drop_front(axis + 1));
      Value divisor = sizeTensor(node, behind);
      row = node.create<nn::DivOp>({rest, divisor});
      rest = node.create<nn::SubOp>(
          {rest, node.create<nn::MulOp>({row, divisor})});
    }
    rows.push_back(node.reshape(row, {Scalar::ofInt(1), count}));
  }
  node.result(node.concat(rows, 0));
}

void importCompress(NodeImport &node) {
  Value x = node.input(0), condition = node.input(1);
  int64_t axis = 0;
  if (node.hasAttribute("axis"))
    axis = node.axis(node.integer("axis", 0), node.rank(x));
  else
    x = flattened(node, x);
  if (node.rank(condition) != 1)
    node.bad("expected a condition of rank 1");
  node.result(gather(node, x, nonzeroPositions(node, condition), axis));
}

// perm that brings `axis` to the end, and back: it swaps two axes.
SmallVector<int64_t> swapWithLast(int64_t axis, int64_t rank) {
  SmallVector<int64_t> perm;
  for (int64_t i = 0; i < rank; ++i)
    perm.push_back(i);
  std::swap(perm[axis], perm[rank - 1]);
  return perm;
}

// x[.., positions[.., i]] along the last axis: one gather of the flat tensor.
Value takeAlongLast(NodeImport &node, Value x, Value positions) {
  IndexMath &math = node.math();
  Scalars sizes = node.dims(x);
  Scalar length = sizes.back();
  Scalar rows = math.product(ArrayRef<Scalar>(sizes).drop_back());
  Scalar count = node.dims(positions).back();
  Value starts = node.create<nn::MulOp>(
      {node.reshape(node.iota(rows), {rows, Scalar::ofInt(1)}),
       sizeTensor(node, length)});
  Value at = node.create<nn::AddOp>(
      {node.reshape(positions, {rows, count}), starts});
  sizes.back() = count;
  return node.reshape(gather(node, flattened(node, x), at, 0), sizes);
}

void importTopK(NodeImport &node) {
  Value x = node.input(0);
  int64_t rank = node.rank(x);
  int64_t axis = node.axis(node.integer("axis", -1), rank);
  Scalar k = node.scalarInput(1, "k", /*nonNegative=*/true);
  const Scalar &size = node.dims(x)[axis];
  if (k.isInt() && (k.integer < 0 || (size.isInt() && k.integer > size.integer)))
    node.bad("expected a k of 0 to " + Twine(size.integer) + ", found " +
             Twine(k.integer));
  if (!(k.isInt() && size.isInt()))
    k = node.math().min(k, size); // There are no more to give.
  SmallVector<int64_t> perm = swapWithLast(axis, rank);
  Value rows = node.transpose(x, perm);
  SmallVector<Value> operands{rows};
  if (!k.isInt())
    operands.push_back(k.value);
  Value positions = node.create<nn::TopKOp>(
      operands,
      {node.attr("static_sizes", k.isInt() ? k.integer : ShapedType::kDynamic),
       node.attr("largest", node.builder().getBoolAttr(
                                node.integer("largest", 1) != 0))});
  if (node.wantsOutput(0))
    node.result(node.transpose(takeAlongLast(node, rows, positions), perm), 0);
  node.result(node.transpose(positions, perm), 1);
}

void importUnique(NodeImport &node) {
  Value x = node.input(0);
  bool isFlat = !node.hasAttribute("axis");
  if (isFlat)
    x = flattened(node, x);
  int64_t axis =
      isFlat ? 0 : node.axis(node.integer("axis", 0), node.rank(x));
  SmallVector<int64_t> perm{axis};
  for (int64_t i = 0; i < node.rank(x); ++i)
    if (i != axis)
      perm.push_back(i);
  Value front = node.transpose(x, perm);
  Scalars sizes = node.dims(front);
  Scalar count = sizes[0];
  Value rows = node.reshape(
      front, {count, node.math().product(ArrayRef<Scalar>(sizes).drop_front())});
  Value found = node.create<nn::UniqueOp>(
      rows, {node.attr("sorted", node.builder().getBoolAttr(
                                     node.integer("sorted", 1) != 0))});
  Scalar distinct = node.element(found, 0, /*nonNegative=*/true);
  Value firsts = cut(node, found, 0, 1, distinct);
  node.result(gather(node, x, firsts, axis), 0);
  node.result(firsts, 1);
  if (node.wantsOutput(2))
    node.result(cut(node, found, 1, 1, count), 2);
  if (node.wantsOutput(3))
    node.result(cut(node, found, 2, 1, distinct), 3);
}

void importNonMaxSuppression(NodeImport &node) {
  Value boxes = node.input(0), scores = node.input(1);
  if (node.rank(boxes) != 3)
    node.bad("expected boxes of rank 3, found rank " + Twine(node.rank(boxes)));
  // An open last axis is 4, or the run stops here.
  Scalars sizes = node.dims(boxes);
  if (!sizes[2].isInt())
    boxes = node.reshape(boxes, {sizes[0], sizes[1], Scalar::ofInt(4)});
  Scalar limit = node.hasInput(2)
                     ? node.scalarInput(2, "max_output_boxes_per_class",
                                        /*nonNegative=*/true)
                     : Scalar::ofInt(0);
  auto threshold = [&](size_t i, double otherwise) {
    return node.hasInput(i) ? node.reshape(node.input(i), {Scalar::ofInt(1)})
                            : node.splat(otherwise, boxes, {1});
  };
  SmallVector<Value> operands{
      boxes, scores, threshold(3, 0),
      threshold(4, -std::numeric_limits<float>::infinity())};
  if (!limit.isInt())
    operands.push_back(limit.value);
  Value all = node.create<nn::NonMaxSuppressionOp>(
      operands,
      {node.attr("static_sizes",
                 limit.isInt() ? limit.integer : ShapedType::kDynamic),
       node.attr("center", node.builder().getBoolAttr(
                               node.integer("center_point_box", 0) != 0))});
  Scalar kept = node.element(all, 0, /*nonNegative=*/true);
  node.result(node.slice(all, {Scalar::ofInt(1), Scalar::ofInt(0)},
                         {kept, Scalar::ofInt(3)}));
}

constexpr OpEntry rows[] = {
    {"Compress", 2, 2, importCompress},
    {"NonMaxSuppression", 2, 5, importNonMaxSuppression},
    {"NonZero", 1, 1, importNonZero},
    {"TopK", 2, 2, importTopK},
    {"Unique", 1, 1, importUnique},
};
} // namespace

ArrayRef<OpEntry> dataDependentOps() { return rows; }

} // namespace qopt::import
