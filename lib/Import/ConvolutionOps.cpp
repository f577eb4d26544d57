// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolution, one- and two-dimensional.
#include "lib/Import/OpTable.h"
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

void importConv(NodeImport &node) {
  Value x = node.input(0), filter = node.input(1);
  auto filterType = node.typeOf(filter);
  if (filterType.getRank() != node.rank(x) || filterType.getRank() < 3)
    node.bad("expected input and filter of one rank from 3 on, found " +
             shapeText(node.typeOf(x).getShape()) + " and " +
             shapeText(filterType.getShape()));
  if (!filterType.hasStaticShape())
    node.unsupported("a filter of dynamic shape is not supported");
  ArrayRef<int64_t> kernel = filterType.getShape().drop_front(2);
  SmallVector<int64_t> declared = node.integers("kernel_shape", kernel);
  if (ArrayRef<int64_t>(declared) != kernel)
    node.bad("kernel_shape is " + shapeText(declared) +
             ", but the filter's kernel is " + shapeText(kernel));
  Window window = readWindow(node, x, kernel);
  SmallVector<NamedAttribute> attributes = window.attributes(node, false);
  attributes.push_back(node.attr(
      "groups", node.builder().getI64IntegerAttr(node.integer("group", 1))));
  Value y = node.create<nn::ConvOp>(
      {toChannelsLast(node, x), toChannelsLast(node, filter)}, attributes);
  if (node.hasInput(2))
    y = node.create<nn::AddOp>({y, node.input(2)});
  node.result(toChannelsFirst(node, y, window.isOneDimensional));
}

constexpr OpEntry rows[] = {{"Conv", 2, 3, importConv}};
} // namespace

ArrayRef<OpEntry> convolutionOps() { return rows; }

} // namespace qopt::import
