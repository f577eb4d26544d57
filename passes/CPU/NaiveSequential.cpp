// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops whose elements build on earlier ones: running sums and products, and
// scattered updates, which are applied in their order.

#include "dialects/NN/NNOps.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "passes/CPU/NaiveKernel.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

Value sumOf(emission::KernelBuilder &kb, Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return kb.addf(a, b);
  return kb.create<arith::AddIOp>(a, b);
}

Value productOf(emission::KernelBuilder &kb, Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return kb.mulf(a, b);
  return kb.create<arith::MulIOp>(a, b);
}

template <class CumulateOp>
void emitCumulation(NaiveBuilder &nb, CumulateOp op, double neutral,
                    llvm::function_ref<Value(Value, Value)> step) {
  emission::KernelBuilder &kb = nb.kb;
  Value x = op.getX();
  int64_t axis = op.getAxis();
  SmallVector<Value> sizes = nb.dims(x);
  Value length = sizes[axis];
  sizes.erase(sizes.begin() + axis);
  Value start = kb.constantLike(nb.laneType(x), neutral);
  nb.forIndices(sizes, [&](ArrayRef<Value> others) {
    nb.accumulate({length}, start, [&](ArrayRef<Value> at, Value carried) {
      SmallVector<Value> index(others);
      index.insert(index.begin() + axis,
                   op.getReverse() ? kb.sub(kb.sub(length, 1), at[0]) : at[0]);
      Value next = step(carried, nb.read(x, index));
      nb.write(op.getResult(), index, op.getExclusive() ? carried : next);
      return next;
    });
  });
}

Value updated(NaiveBuilder &nb, nn::ScatterMode mode, Type element, Value old,
              Value update) {
  switch (mode) {
  case nn::ScatterMode::replace:
    return update;
  case nn::ScatterMode::add:
    return sumOf(nb.kb, old, update);
  case nn::ScatterMode::mul:
    return productOf(nb.kb, old, update);
  case nn::ScatterMode::min:
    return emission::emitMin(nb.kb, element, old, update);
  case nn::ScatterMode::max:
    return emission::emitMax(nb.kb, element, old, update);
  }
  llvm_unreachable("every mode has its case");
}

void emitScatter(NaiveBuilder &nb, nn::ScatterOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Type element = nb.elementType(op.getData());
  auto load = [&](Value tensor, Value at) {
    return emission::loadLane(kb, nb.elementType(tensor), nb.pointer(tensor),
                              at, emission::Width::scalar);
  };
  auto store = [&](Value lane, Value at) {
    emission::storeLane(kb, element, lane, nb.pointer(op.getResult()), at);
  };
  nb.forIndices(nb.shapes.numElements(kb, op.getData()),
                [&](ArrayRef<Value> at) {
                  store(load(op.getData(), at[0]), at[0]);
                });
  Value rows = nb.dim(op.getData(), 0), columns = kb.i64(1);
  for (Value size : ArrayRef<Value>(nb.dims(op.getData())).drop_front())
    columns = kb.mul(columns, size);
  nb.forIndices(nb.dims(op.getIndices()), [&](ArrayRef<Value> n) {
    Value row = load(op.getIndices(), n[0]);
    // Indices are data: one outside must not write outside. Unsigned, so that
    // negative ones are outside too. A row of no columns is not entered.
    Value inside = kb.cmp(arith::CmpIPredicate::ult, row, rows);
    nb.forIndices(kb.select(inside, columns, kb.i64(0)),
                  [&](ArrayRef<Value> column) {
                    Value at = kb.add(kb.mul(row, columns), column[0]);
                    Value update = load(op.getUpdates(),
                                        kb.add(kb.mul(n[0], columns), column[0]));
                    store(updated(nb, op.getMode(), element,
                                  load(op.getResult(), at), update),
                          at);
                  });
  });
}

} // namespace

LogicalResult qopt::naive::emitNaiveSequential(NaiveBuilder &nb,
                                               Operation *op) {
  emission::KernelBuilder &kb = nb.kb;
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](nn::CumSumOp sum) {
        emitCumulation(nb, sum, 0, [&](Value a, Value b) {
          return sumOf(kb, a, b);
        });
        return success();
      })
      .Case([&](nn::CumProdOp product) {
        emitCumulation(nb, product, 1, [&](Value a, Value b) {
          return productOf(kb, a, b);
        });
        return success();
      })
      .Case([&](nn::ScatterOp scatter) {
        return emitScatter(nb, scatter), success();
      })
      .Default([](Operation *) { return failure(); });
}
