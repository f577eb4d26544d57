// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// KernelBuilder's loads and stores: typed, 16 lanes, with live-lane counts.

#include "lib/Emission/KernelBuilder.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace qopt::emission {

Value KernelBuilder::address(Value base, Type element, Value index) {
  if (constantOf(index) == 0)
    return base;
  return create<LLVM::GEPOp>(ptrType, storageType(element), base,
                             ArrayRef<LLVM::GEPArg>{index},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value KernelBuilder::byteAddress(Value base, Value bytes) {
  return address(base, i8Type, bytes);
}

void KernelBuilder::prefetch(Value address, int locality) {
  create<LLVM::Prefetch>(address, /*rw=*/0, /*hint=*/locality, /*cache=*/1);
}

Value KernelBuilder::loadRaw(Type type, Value address, unsigned alignment) {
  return create<LLVM::LoadOp>(type, address, alignment);
}

void KernelBuilder::storeRaw(Value value, Value address, unsigned alignment) {
  create<LLVM::StoreOp>(value, address, alignment);
}

Value KernelBuilder::load(Type element, Value base, Value index) {
  Value value = loadRaw(storageType(element), address(base, element, index),
                        storageBytes(element));
  if (!element.isInteger(1))
    return value;
  return create<arith::CmpIOp>(arith::CmpIPredicate::ne, value, i8(0));
}

void KernelBuilder::store(Type element, Value value, Value base, Value index) {
  if (element.isInteger(1))
    value = create<arith::ExtUIOp>(i8Type, value);
  storeRaw(value, address(base, element, index), storageBytes(element));
}

Value KernelBuilder::laneMask(Value count) {
  SmallVector<int32_t> numbers;
  for (int32_t lane = 0; lane < lanes; ++lane)
    numbers.push_back(lane);
  Value lane = create<arith::ConstantOp>(
      DenseElementsAttr::get(vectorType(i32Type), ArrayRef<int32_t>(numbers)));
  Value count32 = b.createOrFold<arith::TruncIOp>(location, i32Type, count);
  return create<arith::CmpIOp>(arith::CmpIPredicate::slt, lane, splat(count32));
}

Value KernelBuilder::stackBuffer(int64_t bytes) {
  OpBuilder::InsertionGuard guard(b);
  // In the entry block, so that a loop does not grow the stack.
  b.setInsertionPointToStart(&functions.back().getBody().front());
  return create<LLVM::AllocaOp>(ptrType, i8Type, i64(bytes), /*alignment=*/64);
}

Value KernelBuilder::loadVector(Type element, Value base, Value index,
                                LiveLanes live, unsigned alignment) {
  Type storage = storageType(element);
  VectorType type = vectorType(storage);
  unsigned bytes = storageBytes(element);
  Value from = address(base, element, index);
  Value value;
  if (live.all()) {
    value = loadRaw(type, from, alignment ? alignment : bytes);
  } else if (bytes >= 4 || target.vectorBits >= 512) {
    Value zero = create<arith::ConstantOp>(b.getZeroAttr(type));
    value = create<LLVM::MaskedLoadOp>(type, from, laneMask(live.count), zero,
                                       /*alignment=*/bytes);
  } else {
    // Without byte masks: element by element through the stack.
    Value buffer = stackBuffer(lanes * bytes);
    storeRaw(create<arith::ConstantOp>(b.getZeroAttr(type)), buffer, 64);
    forLoop(i64(0), live.count, i64(1), [&](Value lane) {
      storeRaw(loadRaw(storage, address(from, element, lane), bytes),
               address(buffer, element, lane), bytes);
    });
    value = loadRaw(type, buffer, 64);
  }
  if (!element.isInteger(1))
    return value;
  Value zero = create<arith::ConstantOp>(b.getZeroAttr(type));
  return create<arith::CmpIOp>(arith::CmpIPredicate::ne, value, zero);
}

void KernelBuilder::storeVector(Type element, Value value, Value base,
                                Value index, LiveLanes live,
                                unsigned alignment) {
  Type storage = storageType(element);
  unsigned bytes = storageBytes(element);
  if (element.isInteger(1))
    value = create<arith::ExtUIOp>(vectorType(i8Type), value);
  Value to = address(base, element, index);
  if (live.all())
    return storeRaw(value, to, alignment ? alignment : bytes);
  if (bytes >= 4 || target.vectorBits >= 512) {
    auto storeMasked = [&] {
      create<LLVM::MaskedStoreOp>(value, to, laneMask(live.count),
                                  /*alignment=*/bytes);
    };
    if (!isa<IntegerType>(storage) || bytes == 8)
      return storeMasked();
    // LLVM 22 turns a truncation and a store of one masked lane into a scalar
    // store of the wide lane, which overwrites what follows. No mask of one
    // lane may reach it.
    return ifThenElse(
        cmp(arith::CmpIPredicate::eq, live.count, i64(1)),
        [&] { storeRaw(extract(value, 0), to, bytes); }, storeMasked);
  }
  Value buffer = stackBuffer(lanes * bytes);
  storeRaw(value, buffer, 64);
  forLoop(i64(0), live.count, i64(1), [&](Value lane) {
    storeRaw(loadRaw(storage, address(buffer, element, lane), bytes),
             address(to, element, lane), bytes);
  });
}

Value KernelBuilder::extract(Value vector, int64_t lane) {
  return create<vector::ExtractOp>(vector, lane);
}

} // namespace qopt::emission
