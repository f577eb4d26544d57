// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive max_pool and avg_pool: ascending (kh, kw) over the elements inside.

#include "dialects/NN/NNOps.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "lib/Emission/Reduction.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

/// body(element, carried) over the elements of the window at `at` that lie
/// inside the input.
template <class PoolOp>
Value overWindow(NaiveBuilder &nb, PoolOp op, ArrayRef<Value> at, Value start,
                 llvm::function_ref<Value(Value, Value)> body) {
  emission::KernelBuilder &kb = nb.kb;
  Value x = op.getX();
  Value window[] = {kb.i64(op.getKernel()[0]), kb.i64(op.getKernel()[1])};
  auto inputIndex = [&](int64_t axis, Value tap) {
    Value first =
        kb.sub(kb.mul(at[1 + axis], op.getStrides()[axis]), op.getPads()[axis]);
    return kb.add(first, kb.mul(tap, op.getDilations()[axis]));
  };
  return nb.accumulate(window, start, [&](ArrayRef<Value> tap, Value carried) {
    Value y = inputIndex(0, tap[0]), column = inputIndex(1, tap[1]);
    // Unsigned, so that negative indices are outside too.
    Value inside = kb.create<arith::AndIOp>(
        kb.cmp(arith::CmpIPredicate::ult, y, nb.dim(x, 1)),
        kb.cmp(arith::CmpIPredicate::ult, column, nb.dim(x, 2)));
    return kb.ifThenElse(
        inside, carried.getType(),
        [&] {
          return SmallVector<Value>{
              body(nb.read(x, {at[0], y, column, at[3]}), carried)};
        },
        [&] { return SmallVector<Value>{carried}; })[0];
  });
}

void emitMaxPool(NaiveBuilder &nb, nn::MaxPoolOp op) {
  Value start = emission::lowestLane(nb.kb, nb.elementType(op.getX()));
  nb.forIndices(nb.dims(op.getResult()), [&](ArrayRef<Value> at) {
    Value maximum =
        overWindow(nb, op, at, start, [&](Value element, Value carried) {
          return emission::emitMax(nb.kb, nb.elementType(op.getX()), carried,
                                   element);
        });
    nb.write(op.getResult(), at, maximum);
  });
}

void emitAvgPool(NaiveBuilder &nb, nn::AvgPoolOp op) {
  emission::KernelBuilder &kb = nb.kb;
  nb.forIndices(nb.dims(op.getResult()), [&](ArrayRef<Value> at) {
    Value sum =
        overWindow(nb, op, at, kb.f32(0), [&](Value element, Value carried) {
          return kb.addf(carried, element);
        });
    Value count = kb.i64(op.getKernel()[0] * op.getKernel()[1]);
    if (!op.getCountIncludePad())
      count = overWindow(nb, op, at, kb.i64(0), [&](Value, Value carried) {
        return kb.add(carried, 1);
      });
    Value divisor = kb.create<arith::SIToFPOp>(kb.f32Type, count);
    nb.write(op.getResult(), at, kb.divf(sum, divisor));
  });
}

} // namespace

LogicalResult qopt::naive::emitNaiveWindow(NaiveBuilder &nb, Operation *op) {
  if (auto pool = dyn_cast<nn::MaxPoolOp>(op))
    return emitMaxPool(nb, pool), success();
  if (auto pool = dyn_cast<nn::AvgPoolOp>(op))
    return emitAvgPool(nb, pool), success();
  return failure();
}
