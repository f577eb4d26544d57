// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Widening after loads, narrowing before stores.

#include "lib/Emission/Lanes.h"

using namespace mlir;

namespace qopt::emission {

bool isNarrowFloat(Type element) {
  return isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 8;
}

bool isCodedFloat(Type element) {
  return isNarrowFloat(element) || element.isBF16();
}

Type computeType(Type element) {
  MLIRContext *context = element.getContext();
  if (element.isIndex())
    return IntegerType::get(context, 64);
  auto integer = dyn_cast<IntegerType>(element);
  if (isCodedFloat(element))
    return IntegerType::get(context, 32);
  if (!integer || integer.getWidth() == 1)
    return element;
  return IntegerType::get(context,
                          integer.getWidth() < 32 ? 32 : integer.getWidth());
}

Type computeType(Type element, Width width) {
  Type lane = computeType(element);
  if (width == Width::scalar)
    return lane;
  return VectorType::get({KernelBuilder::lanes}, lane);
}

Value loadLane(KernelBuilder &kb, Type element, Value base, Value index,
               Width width, LiveLanes live) {
  Value stored = width == Width::scalar
                     ? kb.load(element, base, index)
                     : kb.loadVector(element, base, index, live);
  Type type = computeType(element, width);
  if (stored.getType() == type)
    return stored;
  if (element.isUnsignedInteger() || isCodedFloat(element))
    return kb.create<arith::ExtUIOp>(type, stored);
  return kb.create<arith::ExtSIOp>(type, stored);
}

void storeLane(KernelBuilder &kb, Type element, Value value, Value base,
               Value index, LiveLanes live) {
  bool isVector = isa<VectorType>(value.getType());
  Type stored = isVector ? Type(laneVectorType(element)) : laneType(element);
  if (value.getType() != stored)
    value = kb.create<arith::TruncIOp>(stored, value);
  if (isVector)
    kb.storeVector(element, value, base, index, live);
  else
    kb.store(element, value, base, index);
}

Value broadcastLane(KernelBuilder &kb, Value scalar, Width width) {
  return width == Width::scalar ? scalar : kb.splat(scalar);
}

} // namespace qopt::emission
