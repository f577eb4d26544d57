// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions between element types, by the rules of nn.cast: floats truncate
// toward zero and saturate, NaN becomes 0; integers wrap.

#include "lib/Emission/PointwiseEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element);
  return element;
}

/// i1 and unsigned lanes extend by zeros.
bool isSignedLane(Type element) {
  return !element.isInteger(1) && !element.isUnsignedInteger();
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
  // Out of range it is poison, but then another one is selected.
  Value converted = isUnsigned
                        ? Value(kb.create<arith::FPToUIOp>(laneType, x))
                        : Value(kb.create<arith::FPToSIOp>(laneType, x));
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
  unsigned bits = to.isIndex() ? 64 : to.getIntOrFloatBitWidth();
  unsigned laneBits = getElementTypeOrSelf(lane).getIntOrFloatBitWidth();
  unsigned fromBits = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  if (fromBits < laneBits && !isSignedLane(from))
    x = kb.create<arith::ExtUIOp>(lane, x);
  else if (fromBits < laneBits)
    x = kb.create<arith::ExtSIOp>(lane, x);
  else if (fromBits > laneBits)
    x = kb.create<arith::TruncIOp>(lane, x);
  if (bits < laneBits) {
    Type narrow = withElement(lane, kb.builder().getIntegerType(bits));
    Value truncated = kb.create<arith::TruncIOp>(narrow, x);
    if (to.isUnsignedInteger())
      return kb.create<arith::ExtUIOp>(lane, truncated);
    return kb.create<arith::ExtSIOp>(lane, truncated);
  }
  return x;
}

/// The code of the bf16 nearest to f32 lanes, ties to even; NaN stays NaN.
Value encodeBFloat(KernelBuilder &kb, Value x) {
  Type word = withElement(x.getType(), kb.i32Type);
  auto constant = [&](int64_t value) { return kb.constantLike(word, value); };
  Value bits = kb.create<arith::BitcastOp>(word, x);
  Value lowest = kb.create<arith::AndIOp>(
      kb.create<arith::ShRUIOp>(bits, constant(16)), constant(1));
  Value rounded = kb.create<arith::AddIOp>(
      bits, kb.create<arith::AddIOp>(lowest, constant(0x7fff)));
  Value isNaN = kb.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
  // Quiet: a NaN whose payload is cut off must not become infinite.
  Value quiet = kb.create<arith::OrIOp>(bits, constant(0x400000));
  Value kept = kb.create<arith::SelectOp>(isNaN, quiet, rounded);
  return kb.create<arith::ShRUIOp>(kept, constant(16));
}

/// A bf16 is the upper half of an f32.
Value decodeBFloat(KernelBuilder &kb, Value codes) {
  Value bits = kb.create<arith::ShLIOp>(codes,
                                        kb.constantLike(codes.getType(), 16));
  return kb.create<arith::BitcastOp>(withElement(codes.getType(), kb.f32Type),
                                     bits);
}

Value floatToFloat(KernelBuilder &kb, Type from, Type to, Value x) {
  Type target = withElement(x.getType(), to);
  if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
    return kb.create<arith::ExtFOp>(target, x);
  return kb.create<arith::TruncFOp>(target, x);
}

/// The f32 toward zero of f64 lanes, its last bit set where that is not x: what
/// a further rounding makes of it is x rounded once.
Value roundToOdd(KernelBuilder &kb, Value x) {
  Type real = withElement(x.getType(), kb.f32Type);
  Type word = withElement(x.getType(), kb.i32Type);
  Value nearest = kb.create<arith::TruncFOp>(real, x);
  Value back = kb.create<arith::ExtFOp>(x.getType(), nearest);
  auto compare = [&](arith::CmpFPredicate predicate, Value a, Value b) {
    return kb.create<arith::CmpFOp>(predicate, a, b);
  };
  Value isAway = compare(arith::CmpFPredicate::OGT,
                         kb.create<math::AbsFOp>(back),
                         kb.create<math::AbsFOp>(x));
  Value isInexact = compare(arith::CmpFPredicate::ONE, back, x);
  // Of floats of one sign, the next one toward zero has the code before.
  Value bits = kb.create<arith::BitcastOp>(word, nearest);
  Value one = kb.constantLike(word, 1), zero = kb.constantLike(word, 0);
  Value toward = kb.create<arith::SubIOp>(
      bits, kb.create<arith::SelectOp>(isAway, one, zero));
  Value odd = kb.create<arith::OrIOp>(
      toward, kb.create<arith::SelectOp>(isInexact, one, zero));
  return kb.create<arith::BitcastOp>(real, odd);
}

Value toTruth(KernelBuilder &kb, Value x) {
  Value zero = kb.constantLike(x.getType(), 0);
  if (isa<FloatType>(getElementTypeOrSelf(x.getType())))
    return kb.create<arith::CmpFOp>(arith::CmpFPredicate::UNE, x, zero);
  return kb.create<arith::CmpIOp>(arith::CmpIPredicate::ne, x, zero);
}

} // namespace

Value qopt::emission::emitCast(KernelBuilder &kb, Type from, Type to,
                               Value lanes, bool overflow) {
  if (from == to)
    return lanes;
  // By way of f32, without rounding twice.
  if (from.isF64() && (to.isF16() || isCodedFloat(to)))
    return emitCast(kb, kb.f32Type, to, roundToOdd(kb, lanes), overflow);
  if (from.isBF16())
    return emitCast(kb, kb.f32Type, to, decodeBFloat(kb, lanes), overflow);
  if (to.isBF16())
    return encodeBFloat(kb, emitCast(kb, from, kb.f32Type, lanes));
  if (isNarrowFloat(from))
    return emitCast(kb, kb.f32Type, to, emitNarrowDecode(kb, from, lanes),
                    overflow);
  if (isNarrowFloat(to))
    return emitNarrowEncode(kb, to, emitCast(kb, from, kb.f32Type, lanes),
                            overflow);
  if (to.isInteger(1))
    return toTruth(kb, lanes);
  Type target = withElement(lanes.getType(), computeType(to));
  bool fromFloat = isa<FloatType>(from), toFloat = isa<FloatType>(to);
  if (fromFloat && toFloat)
    return floatToFloat(kb, from, to, lanes);
  // Integers of 2 and 4 bits keep the low bits of the number.
  if (fromFloat && to.isInteger() && to.getIntOrFloatBitWidth() < 8 &&
      !to.isInteger(1))
    return integerToInteger(kb, kb.i32Type, to,
                            floatToInteger(kb, kb.i32Type, lanes));
  if (fromFloat)
    return floatToInteger(kb, to, lanes);
  if (!toFloat)
    return integerToInteger(kb, from, to, lanes);
  if (!isSignedLane(from))
    return kb.create<arith::UIToFPOp>(target, lanes);
  return kb.create<arith::SIToFPOp>(target, lanes);
}

Value qopt::emission::emitBitCast(KernelBuilder &kb, Type from, Type to,
                                  Value lanes) {
  auto as = [&](Type element) {
    return withElement(lanes.getType(), element);
  };
  // The bits in an integer; what lies above the element's width counts for
  // nothing.
  if (from.isF32() || from.isF64())
    lanes = kb.create<arith::BitcastOp>(as(from.isF32() ? kb.i32Type : kb.i64Type),
                                        lanes);
  else if (from.isF16())
    lanes = kb.create<arith::ExtUIOp>(
        as(kb.i32Type), kb.create<arith::BitcastOp>(
                            as(kb.builder().getIntegerType(16)), lanes));
  else if (from.isInteger(1))
    lanes = kb.create<arith::ExtUIOp>(as(kb.i32Type), lanes);
  unsigned bits = to.isInteger(1) ? 8 : to.getIntOrFloatBitWidth();
  Type narrow = kb.builder().getIntegerType(bits);
  if (to.isInteger(1))
    return toTruth(kb, kb.create<arith::TruncIOp>(as(narrow), lanes));
  if (to.isF32() || to.isF64())
    return kb.create<arith::BitcastOp>(as(to), lanes);
  if (to.isF16())
    return kb.create<arith::BitcastOp>(
        as(to), kb.create<arith::TruncIOp>(as(narrow), lanes));
  if (bits >= 32)
    return lanes;
  Value low = kb.create<arith::TruncIOp>(as(narrow), lanes);
  // Codes of floats are numbers without a sign.
  if (isCodedFloat(to) || to.isUnsignedInteger())
    return kb.create<arith::ExtUIOp>(as(kb.i32Type), low);
  return kb.create<arith::ExtSIOp>(as(kb.i32Type), low);
}
