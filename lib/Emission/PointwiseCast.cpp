// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions between element types, by the rules of nn.cast: floats truncate
// toward zero and saturate, NaN becomes 0; integers wrap.

#include "lib/Emission/PointwiseEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value floatToInteger(KernelBuilder &kb, Type to, Value x) {
  Type lane = computeType(to);
  unsigned bits = to.isIndex() ? 64 : to.getIntOrFloatBitWidth();
  bool isUnsigned = to.isUnsignedInteger();
  // The bounds as integers, and the first floats beyond them.
  double above = std::ldexp(1.0, isUnsigned ? bits : bits - 1);
  double low = isUnsigned ? 0 : -above;
  Type laneType = withElement(x.getType(), lane);
  auto integer = [&](APInt value) -> Value {
    Attribute scalar = kb.builder().getIntegerAttr(lane, value);
    if (auto vector = dyn_cast<VectorType>(laneType))
      return kb.create<arith::ConstantOp>(
          DenseElementsAttr::get(vector, scalar));
    return kb.create<arith::ConstantOp>(cast<TypedAttr>(scalar));
  };
  auto compare = [&](arith::CmpFPredicate predicate, double bound) {
    return kb.create<arith::CmpFOp>(predicate, x,
                                    kb.constantLike(x.getType(), bound));
  };
  unsigned laneBits = lane.getIntOrFloatBitWidth();
  APInt highest = isUnsigned ? APInt::getMaxValue(bits).zextOrTrunc(laneBits)
                             : APInt::getSignedMaxValue(bits).sext(laneBits);
  APInt lowest = isUnsigned ? APInt(laneBits, 0)
                            : APInt::getSignedMinValue(bits).sext(laneBits);
  Value converted = kb.create<arith::FPToSIOp>(laneType, x);
  Value result = kb.create<arith::SelectOp>(
      compare(arith::CmpFPredicate::OGE, above), integer(highest), converted);
  result = kb.create<arith::SelectOp>(compare(arith::CmpFPredicate::OLT, low),
                                      integer(lowest), result);
  Value isNaN = kb.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
  return kb.create<arith::SelectOp>(isNaN, integer(APInt(laneBits, 0)), result);
}

/// Wraps: keeps the low bits of `to`, extended by its sign.
Value integerToInteger(KernelBuilder &kb, Type from, Type to, Value x) {
  Type lane = withElement(x.getType(), computeType(to));
  if (from.isInteger(1))
    return kb.create<arith::ExtUIOp>(lane, x);
  unsigned bits = to.isIndex() ? 64 : to.getIntOrFloatBitWidth();
  unsigned laneBits = getElementTypeOrSelf(lane).getIntOrFloatBitWidth();
  unsigned fromBits = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  if (fromBits < laneBits)
    return kb.create<arith::ExtSIOp>(lane, x);
  if (bits < laneBits) {
    Type narrow = withElement(lane, kb.builder().getIntegerType(bits));
    Value truncated = kb.create<arith::TruncIOp>(narrow, x);
    if (to.isUnsignedInteger())
      return kb.create<arith::ExtUIOp>(lane, truncated);
    return kb.create<arith::ExtSIOp>(lane, truncated);
  }
  return fromBits == laneBits ? x : Value(kb.create<arith::TruncIOp>(lane, x));
}

Value toTruth(KernelBuilder &kb, Value x) {
  Value zero = kb.constantLike(x.getType(), 0);
  if (isa<FloatType>(getElementTypeOrSelf(x.getType())))
    return kb.create<arith::CmpFOp>(arith::CmpFPredicate::UNE, x, zero);
  return kb.create<arith::CmpIOp>(arith::CmpIPredicate::ne, x, zero);
}

} // namespace

Value qopt::emission::emitCast(KernelBuilder &kb, Type from, Type to,
                               Value lanes) {
  if (from == to)
    return lanes;
  if (to.isInteger(1))
    return toTruth(kb, lanes);
  Type target = withElement(lanes.getType(), computeType(to));
  bool fromFloat = isa<FloatType>(from), toFloat = isa<FloatType>(to);
  if (fromFloat && toFloat) {
    if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
      return kb.create<arith::ExtFOp>(target, lanes);
    return kb.create<arith::TruncFOp>(target, lanes);
  }
  if (fromFloat)
    return floatToInteger(kb, to, lanes);
  if (!toFloat)
    return integerToInteger(kb, from, to, lanes);
  if (from.isInteger(1))
    return kb.create<arith::UIToFPOp>(target, lanes);
  return kb.create<arith::SIToFPOp>(target, lanes);
}
