// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive reductions over any axes.

#include "dialects/NN/NNOps.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "lib/Emission/Reduction.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

struct Reducer {
  NaiveBuilder &nb;
  emission::Reduction reduction;
  SmallVector<Value> sizes; // of the operand

  SmallVector<Value> sizesOf(ArrayRef<int64_t> axes) const {
    SmallVector<Value> result;
    for (int64_t axis : axes)
      result.push_back(sizes[axis]);
    return result;
  }
  static void place(SmallVector<Value> &indices, ArrayRef<int64_t> axes,
                    ArrayRef<Value> values) {
    for (auto [axis, value] : llvm::zip(axes, values))
      indices[axis] = value;
  }
  /// The operand's elements over `axes`, ascending, from the neutral element.
  Value chain(SmallVector<Value> indices, ArrayRef<int64_t> axes) const {
    return nb.accumulate(sizesOf(axes), reduction.neutral(nb.kb),
                         [&](ArrayRef<Value> at, Value carried) {
                           place(indices, axes, at);
                           return reduction.combine(
                               nb.kb, carried,
                               nb.read(reduction.operand, indices));
                         });
  }
  Value reduceAt(SmallVector<Value> indices) const {
    SmallVector<int64_t> outer(reduction.axes);
    int64_t last = sizes.size() - 1;
    if (outer.empty() || outer.back() != last)
      return chain(indices, outer);
    outer.pop_back();
    return nb.reduceRow(
        sizes[last], reduction.neutral(nb.kb),
        [&](Value a, Value b) { return reduction.combine(nb.kb, a, b); },
        [&](Value i) {
          indices[last] = i;
          return outer.empty() ? nb.read(reduction.operand, indices)
                               : chain(indices, outer);
        });
  }
};

} // namespace

LogicalResult qopt::naive::emitNaiveReduction(NaiveBuilder &nb, Operation *op) {
  std::optional<emission::Reduction> reduction = emission::Reduction::of(op);
  if (!reduction)
    return failure();
  Reducer reducer{nb, *reduction, nb.dims(reduction->operand)};
  SmallVector<int64_t> kept = reduction->keptAxes();
  nb.forIndices(reducer.sizesOf(kept), [&](ArrayRef<Value> at) {
    SmallVector<Value> indices(reducer.sizes.size(), nb.kb.i64(0));
    Reducer::place(indices, kept, at);
    SmallVector<Value> to =
        reduction->keepdims ? indices : SmallVector<Value>(at);
    Value result = reducer.reduceAt(indices);
    Value count = nb.kb.i64(1);
    for (Value size : reducer.sizesOf(reduction->axes))
      count = nb.kb.mul(count, size);
    nb.write(op->getResult(0), to, reduction->finish(nb.kb, result, count));
  });
  return success();
}
