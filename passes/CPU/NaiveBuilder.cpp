// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loop nests and element accesses of naive code.

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

Type NaiveBuilder::elementType(Value tensor) const {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

Type NaiveBuilder::laneType(Value tensor) const {
  return emission::computeType(elementType(tensor));
}

int64_t NaiveBuilder::rank(Value tensor) const {
  return cast<RankedTensorType>(tensor.getType()).getRank();
}

void NaiveBuilder::nest(ArrayRef<Value> sizes, SmallVector<Value> &indices,
                        llvm::function_ref<void(Indices)> body) {
  if (indices.size() == sizes.size())
    return body(indices);
  kb.forLoop(kb.i64(0), sizes[indices.size()], kb.i64(1), [&](Value index) {
    indices.push_back(index);
    nest(sizes, indices, body);
    indices.pop_back();
  });
}

void NaiveBuilder::forIndices(ArrayRef<Value> sizes,
                              llvm::function_ref<void(Indices)> body) {
  SmallVector<Value> indices;
  nest(sizes, indices, body);
}

Value NaiveBuilder::nest(ArrayRef<Value> sizes, SmallVector<Value> &indices,
                         Value carried,
                         llvm::function_ref<Value(Indices, Value)> body) {
  if (indices.size() == sizes.size())
    return body(indices, carried);
  return kb.forLoop(kb.i64(0), sizes[indices.size()], kb.i64(1), carried,
                    [&](Value index, ValueRange values) {
                      indices.push_back(index);
                      Value next = nest(sizes, indices, values[0], body);
                      indices.pop_back();
                      return SmallVector<Value>{next};
                    })[0];
}

Value NaiveBuilder::accumulate(ArrayRef<Value> sizes, Value start,
                               llvm::function_ref<Value(Indices, Value)> body) {
  SmallVector<Value> indices;
  return nest(sizes, indices, start, body);
}

Value NaiveBuilder::reduceRow(Value size, Value start,
                              llvm::function_ref<Value(Value, Value)> combine,
                              llvm::function_ref<Value(Value)> element) {
  Type type = start.getType();
  Value partial = kb.stackBuffer(16 * 8);
  auto join = [&](Value slot, Value value) {
    Value old = kb.load(type, partial, slot);
    kb.store(type, combine(old, value), partial, slot);
  };
  kb.forLoop(kb.i64(0), kb.i64(16), kb.i64(1),
             [&](Value slot) { kb.store(type, start, partial, slot); });
  kb.forLoop(kb.i64(0), size, kb.i64(1),
             [&](Value index) { join(kb.rem(index, 16), element(index)); });
  for (int64_t distance : {8, 4, 2, 1})
    kb.forLoop(kb.i64(0), kb.i64(distance), kb.i64(1), [&](Value slot) {
      join(slot, kb.load(type, partial, kb.add(slot, distance)));
    });
  return kb.load(type, partial, kb.i64(0));
}

Value NaiveBuilder::position(ArrayRef<Value> sizes, Indices indices) {
  Value result = kb.i64(0);
  for (auto [size, index] : llvm::zip(sizes, indices))
    result = kb.add(kb.mul(result, size), index);
  return result;
}

Value NaiveBuilder::read(Value tensor, Indices indices) {
  return emission::loadLane(kb, elementType(tensor), pointer(tensor),
                            position(dims(tensor), indices),
                            emission::Width::scalar);
}

Value NaiveBuilder::readBroadcast(Value tensor, Indices indices) {
  SmallVector<Value> own;
  int64_t leading = indices.size() - rank(tensor);
  for (int64_t axis = 0; axis < rank(tensor); ++axis) {
    Value repeats =
        kb.cmp(arith::CmpIPredicate::eq, dim(tensor, axis), kb.i64(1));
    own.push_back(kb.select(repeats, kb.i64(0), indices[leading + axis]));
  }
  return read(tensor, own);
}

void NaiveBuilder::write(Value tensor, Indices indices, Value lane) {
  emission::storeLane(kb, elementType(tensor), lane, pointer(tensor),
                      position(dims(tensor), indices));
}

Value NaiveBuilder::toF32(Value lane) {
  if (lane.getType() == kb.f32Type)
    return lane;
  return kb.create<arith::ExtFOp>(kb.f32Type, lane);
}
