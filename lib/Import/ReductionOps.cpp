// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions. The dialect has sum, mean, product, maximum and minimum;
// norms and logarithms are made of them.
#include "lib/Import/OpTable.h"
#include <limits>

using namespace mlir;

namespace qopt::import {
namespace {

struct Reduction {
  SmallVector<int64_t> axes; // ascending; empty: nothing to reduce
  bool keepdims = true;
};

Reduction readReduction(NodeImport &node, int64_t rank) {
  Reduction result;
  result.keepdims = node.integer("keepdims", 1);
  if (node.hasInput(1))
    for (int64_t axis : node.constantIntegers(1, "axes"))
      result.axes.push_back(node.axis(axis, rank));
  llvm::sort(result.axes);
  if (std::adjacent_find(result.axes.begin(), result.axes.end()) !=
      result.axes.end())
    node.bad("expected axes that differ");
  if (result.axes.empty() && !node.integer("noop_with_empty_axes", 0))
    for (int64_t axis = 0; axis < rank; ++axis)
      result.axes.push_back(axis);
  return result;
}

// All elements of a known tensor combined: "numel" and the like.
template <Binary kind> bool reduceKnown(NodeImport &node) {
  const SmallTensor *x = node.known(0);
  if (!x || x->rank() > 1 || x->elements.empty())
    return false;
  // Kernels add floats in an order of their own.
  if (x->isFloat() && kind != Binary::Min && kind != Binary::Max)
    return false;
  Reduction reduction = readReduction(node, x->rank());
  if (reduction.axes.empty() && x->rank() > 0)
    return false;
  SmallTensor result = SmallTensor::scalar(x->elements.front(), x->type);
  for (const Scalar &element : ArrayRef<Scalar>(x->elements).drop_front()) {
    auto combined = evaluate(
        kind, result, SmallTensor::scalar(element, x->type), node.math());
    if (!combined)
      return false;
    result = *combined;
  }
  if (reduction.keepdims)
    result.shape.assign(x->rank(), 1);
  node.result(std::move(result));
  return true;
}

template <typename OpTy> Value apply(NodeImport &node, Value x) {
  Reduction reduction = readReduction(node, node.rank(x));
  if (reduction.axes.empty())
    return x;
  return node.reduce<OpTy>(x, reduction.axes, reduction.keepdims);
}

template <typename OpTy, Binary kind> void importReduce(NodeImport &node) {
  if (reduceKnown<kind>(node))
    return;
  Value x = node.input(0);
  if (!node.elementOf(x).isInteger(1))
    return node.result(apply<OpTy>(node, x));
  // Truth values order as numbers; the largest of none is false, the least true.
  Value numbers = node.cast(
      x, IntegerType::get(node.builder().getContext(), 8,
                          IntegerType::Unsigned));
  node.result(
      node.cast(apply<OpTy>(node, numbers), node.builder().getI1Type()));
}

void importReduceMean(NodeImport &node) {
  node.result(apply<nn::ReduceMeanOp>(node, node.input(0)));
}

void importL1(NodeImport &node) {
  node.result(
      apply<nn::ReduceSumOp>(node, node.create<nn::AbsOp>(node.input(0))));
}

Value sumOfSquares(NodeImport &node) {
  Value x = node.input(0);
  return apply<nn::ReduceSumOp>(node, node.create<nn::MulOp>({x, x}));
}

void importL2(NodeImport &node) {
  node.result(node.create<nn::SqrtOp>(sumOfSquares(node)));
}

void importSumSquare(NodeImport &node) { node.result(sumOfSquares(node)); }

void importLogSum(NodeImport &node) {
  node.result(
      node.create<nn::LogOp>(apply<nn::ReduceSumOp>(node, node.input(0))));
}

// max + log(sum(exp(x - max))), which cannot overflow.
void importLogSumExp(NodeImport &node) {
  Value x = node.input(0);
  Reduction reduction = readReduction(node, node.rank(x));
  if (reduction.axes.empty())
    return node.forward(0);
  Value top = node.reduce<nn::ReduceMaxOp>(x, reduction.axes);
  // An infinite maximum (of nothing, too) says it all: subtracting it would not.
  Value infinity = node.splat(std::numeric_limits<double>::infinity(), top);
  Value isFinite = node.create<nn::LessOp>(
      {node.create<nn::AbsOp>(top), infinity});
  top = node.create<nn::SelectOp>({isFinite, top, node.splat(0, top)});
  Value grown = node.create<nn::ExpOp>(node.create<nn::SubOp>({x, top}));
  Value sum = node.reduce<nn::ReduceSumOp>(grown, reduction.axes);
  Value result = node.create<nn::AddOp>({node.create<nn::LogOp>(sum), top});
  if (!reduction.keepdims) {
    Scalars sizes;
    for (auto [axis, size] : llvm::enumerate(node.dims(x)))
      if (!llvm::is_contained(reduction.axes, int64_t(axis)))
        sizes.push_back(size);
    result = node.reshape(result, sizes);
  }
  node.result(result);
}

constexpr OpEntry rows[] = {
    {"ReduceL1", 1, 2, importL1},
    {"ReduceL2", 1, 2, importL2},
    {"ReduceLogSum", 1, 2, importLogSum},
    {"ReduceLogSumExp", 1, 2, importLogSumExp},
    {"ReduceMax", 1, 2, importReduce<nn::ReduceMaxOp, Binary::Max>},
    {"ReduceMean", 1, 2, importReduceMean},
    {"ReduceMin", 1, 2, importReduce<nn::ReduceMinOp, Binary::Min>},
    {"ReduceProd", 1, 2, importReduce<nn::ReduceProdOp, Binary::Mul>},
    {"ReduceSum", 1, 2, importReduce<nn::ReduceSumOp, Binary::Add>},
    {"ReduceSumSquare", 1, 2, importSumSquare},
};
} // namespace

ArrayRef<OpEntry> reductionOps() { return rows; }

} // namespace qopt::import
