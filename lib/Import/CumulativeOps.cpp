// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running sums and products.
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {
namespace {

template <typename OpTy> void importCumulation(NodeImport &node) {
  Value x = node.input(0);
  SmallVector<int64_t> axes = node.constantIntegers(1, "axis");
  if (axes.size() != 1)
    node.bad("expected one axis, found " + Twine(axes.size()));
  auto flag = [&](StringRef name) {
    return node.attr(name,
                     node.builder().getBoolAttr(node.integer(name, 0) != 0));
  };
  int64_t axis = node.axis(axes.front(), node.rank(x));
  node.result(node.create<OpTy>(
      x, {node.attr("axis", node.builder().getI64IntegerAttr(axis)),
          flag("exclusive"), flag("reverse")}));
}

constexpr OpEntry rows[] = {
    {"CumProd", 2, 2, importCumulation<nn::CumProdOp>},
    {"CumSum", 2, 2, importCumulation<nn::CumSumOp>},
};
} // namespace

ArrayRef<OpEntry> cumulativeOps() { return rows; }

} // namespace qopt::import
