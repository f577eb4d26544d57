// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pools over windows and over all of space.
#include "lib/Import/OpTable.h"
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

Window readPool(NodeImport &node, Value x, bool &ceilChanged) {
  if (!node.hasAttribute("kernel_shape"))
    node.bad("expected the attribute 'kernel_shape', found none");
  Window window = readWindow(node, x, node.integers("kernel_shape"));
  ceilChanged = node.integer("ceil_mode", 0) && applyCeilMode(node, x, window);
  return window;
}

void importMaxPool(NodeImport &node) {
  node.rejectOutput(1, "Indices");
  Value x = node.input(0);
  bool ceilChanged;
  Window window = readPool(node, x, ceilChanged);
  Value y = node.create<nn::MaxPoolOp>(toChannelsLast(node, x),
                                       window.attributes(node, true));
  node.result(toChannelsFirst(node, y, window.isOneDimensional));
}

void importAveragePool(NodeImport &node) {
  Value x = node.input(0);
  bool ceilChanged;
  Window window = readPool(node, x, ceilChanged);
  bool counts = node.integer("count_include_pad", 0);
  // The padding ceil_mode adds is never counted, padding proper would be.
  if (counts && ceilChanged)
    node.unsupported("count_include_pad together with ceil_mode is not "
                     "supported for this shape");
  SmallVector<NamedAttribute> attributes = window.attributes(node, true);
  attributes.push_back(
      node.attr("count_include_pad", node.builder().getBoolAttr(counts)));
  Value y = node.create<nn::AvgPoolOp>(toChannelsLast(node, x), attributes);
  node.result(toChannelsFirst(node, y, window.isOneDimensional));
}

template <typename OpTy> void importGlobalPool(NodeImport &node) {
  Value x = node.input(0);
  if (node.rank(x) < 3)
    node.bad("expected a tensor of rank 3 or more, found " +
             shapeText(node.typeOf(x).getShape()));
  SmallVector<int64_t> axes;
  for (int64_t axis = 2; axis < node.rank(x); ++axis)
    axes.push_back(axis);
  node.result(node.reduce<OpTy>(x, axes));
}

constexpr OpEntry rows[] = {
    {"AveragePool", 1, 1, importAveragePool},
    {"GlobalAveragePool", 1, 1, importGlobalPool<nn::ReduceMeanOp>},
    {"GlobalMaxPool", 1, 1, importGlobalPool<nn::ReduceMaxOp>},
    {"MaxPool", 1, 1, importMaxPool},
};
} // namespace

ArrayRef<OpEntry> poolingOps() { return rows; }

} // namespace qopt::import
