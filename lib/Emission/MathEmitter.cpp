// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The machine of MathSequences whose values are SSA values.

#include "lib/Emission/MathEmitter.h"
#include "lib/Numerics/DoubleElementarySequences.h"
#include "lib/Numerics/DoubleSequences.h"
#include "lib/Numerics/ElementarySequences.h"
#include "lib/Numerics/MathSequences.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

class SsaMachine {
public:
  using F = Value;
  using I = Value;
  using D = Value;
  using L = Value;
  using M = Value;

  /// `like` gives the number of lanes: a scalar or a vector.
  SsaMachine(OpBuilder &builder, Location loc, Type like)
      : builder(builder), loc(loc), like(like) {}

  F f(float value) { return constant(builder.getF32FloatAttr(value)); }
  I i(int32_t value) { return constant(builder.getI32IntegerAttr(value)); }
  D d(double value) { return constant(builder.getF64FloatAttr(value)); }
  L l(int64_t value) { return constant(builder.getI64IntegerAttr(value)); }

  F add(F a, F b) { return op<arith::AddFOp>(a, b); }
  F sub(F a, F b) { return op<arith::SubFOp>(a, b); }
  F mul(F a, F b) { return op<arith::MulFOp>(a, b); }
  F div(F a, F b) { return op<arith::DivFOp>(a, b); }
  F neg(F a) { return op<arith::NegFOp>(a); }
  F fma(F a, F b, F c) { return op<math::FmaOp>(a, b, c); }
  F roundEven(F a) { return op<math::RoundEvenOp>(a); }

  D dAdd(D a, D b) { return add(a, b); }
  D dSub(D a, D b) { return sub(a, b); }
  D dMul(D a, D b) { return mul(a, b); }
  D dDiv(D a, D b) { return div(a, b); }
  D dFma(D a, D b, D c) { return fma(a, b, c); }
  D dRoundEven(D a) { return roundEven(a); }
  D dFloor(D a) { return op<math::FloorOp>(a); }
  D dSqrt(D a) { return op<math::SqrtOp>(a); }
  M dLessThan(D a, D b) { return lessThan(a, b); }
  M dEqual(D a, D b) { return equal(a, b); }
  M dIsNaN(D a) { return isNaN(a); }
  D dSelect(M c, D a, D b) { return select(c, a, b); }
  D widen(F a) { return convert<arith::ExtFOp>(a, builder.getF64Type()); }
  F narrow(D a) { return convert<arith::TruncFOp>(a, builder.getF32Type()); }
  L dBits(D a) { return convert<arith::BitcastOp>(a, builder.getI64Type()); }
  D dFromBits(L a) {
    return convert<arith::BitcastOp>(a, builder.getF64Type());
  }

  I bits(F a) { return convert<arith::BitcastOp>(a, builder.getI32Type()); }
  F fromBits(I a) { return convert<arith::BitcastOp>(a, builder.getF32Type()); }
  I toInt(F a) { return convert<arith::FPToSIOp>(a, builder.getI32Type()); }
  F toFloat(I a) { return convert<arith::SIToFPOp>(a, builder.getF32Type()); }
  I iadd(I a, I b) { return op<arith::AddIOp>(a, b); }
  I isub(I a, I b) { return op<arith::SubIOp>(a, b); }
  I iand(I a, I b) { return op<arith::AndIOp>(a, b); }
  I ior(I a, I b) { return op<arith::OrIOp>(a, b); }
  I ixor(I a, I b) { return op<arith::XOrIOp>(a, b); }
  I shiftLeft(I a, int by) { return op<arith::ShLIOp>(a, i(by)); }
  I shiftRightSigned(I a, int by) { return op<arith::ShRSIOp>(a, i(by)); }
  L lAdd(L a, L b) { return iadd(a, b); }
  L lSub(L a, L b) { return isub(a, b); }
  L lAnd(L a, L b) { return iand(a, b); }
  L lOr(L a, L b) { return ior(a, b); }
  L lShiftLeft(L a, int by) { return op<arith::ShLIOp>(a, l(by)); }
  L lShiftRightSigned(L a, int by) { return op<arith::ShRSIOp>(a, l(by)); }

  M lessThan(F a, F b) { return compare(arith::CmpFPredicate::OLT, a, b); }
  M equal(F a, F b) { return compare(arith::CmpFPredicate::OEQ, a, b); }
  M notEqual(F a, F b) { return compare(arith::CmpFPredicate::UNE, a, b); }
  M isNaN(F a) { return compare(arith::CmpFPredicate::UNO, a, a); }
  M isNonZero(I a) {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, a,
                                 i(0));
  }
  M both(M a, M b) { return op<arith::AndIOp>(a, b); }
  M either(M a, M b) { return op<arith::OrIOp>(a, b); }
  F select(M c, F a, F b) { return op<arith::SelectOp>(c, a, b); }

private:
  template <class Op, class... Args> Value op(Args... args) {
    return Op::create(builder, loc, args...);
  }
  template <class Op> Value convert(Value a, Type element) {
    return Op::create(builder, loc, shaped(element), a);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  }
  Type shaped(Type element) {
    if (auto vector = dyn_cast<VectorType>(like))
      return VectorType::get(vector.getShape(), element);
    return element;
  }
  Value constant(TypedAttr scalar) {
    if (auto vector = dyn_cast<VectorType>(shaped(scalar.getType())))
      scalar = DenseElementsAttr::get(vector, Attribute(scalar));
    return arith::ConstantOp::create(builder, loc, scalar);
  }

  OpBuilder &builder;
  Location loc;
  Type like;
};

using Sequences = numerics::MathSequences<SsaMachine>;
using Elementary = numerics::ElementarySequences<SsaMachine>;
using Doubles = numerics::DoubleSequences<SsaMachine>;
using DoubleElementary = numerics::DoubleElementarySequences<SsaMachine>;

/// Of f32 or f64, as x is.
template <class OfFloats, class OfDoubles>
Value emit(OpBuilder &builder, Location loc, Value x,
           Value (OfFloats::*ofFloats)(Value),
           Value (OfDoubles::*ofDoubles)(Value)) {
  SsaMachine machine(builder, loc, x.getType());
  if (getElementTypeOrSelf(x.getType()).isF64())
    return (OfDoubles(machine).*ofDoubles)(x);
  return (OfFloats(machine).*ofFloats)(x);
}

} // namespace

Value MathEmitter::exp(Value x) {
  return emit(builder, loc, x, &Sequences::exp, &Doubles::exp);
}
Value MathEmitter::log(Value x) {
  return emit(builder, loc, x, &Sequences::log, &Doubles::log);
}
Value MathEmitter::erf(Value x) {
  return emit(builder, loc, x, &Sequences::erf, &Doubles::erf);
}
Value MathEmitter::tanh(Value x) {
  return emit(builder, loc, x, &Sequences::tanh, &Doubles::tanh);
}
Value MathEmitter::sigmoid(Value x) {
  return emit(builder, loc, x, &Sequences::sigmoid, &Doubles::sigmoid);
}
Value MathEmitter::sin(Value x) {
  return emit(builder, loc, x, &Sequences::sin, &Doubles::sin);
}
Value MathEmitter::cos(Value x) {
  return emit(builder, loc, x, &Sequences::cos, &Doubles::cos);
}
Value MathEmitter::pow(Value x, Value y) {
  SsaMachine machine(builder, loc, x.getType());
  if (getElementTypeOrSelf(x.getType()).isF64())
    return Doubles(machine).pow(x, y);
  return Sequences(machine).pow(x, y);
}
Value MathEmitter::asin(Value x) {
  return emit(builder, loc, x, &Elementary::asin, &DoubleElementary::asin);
}
Value MathEmitter::acos(Value x) {
  return emit(builder, loc, x, &Elementary::acos, &DoubleElementary::acos);
}
Value MathEmitter::atan(Value x) {
  return emit(builder, loc, x, &Elementary::atan, &DoubleElementary::atan);
}
Value MathEmitter::sinh(Value x) {
  return emit(builder, loc, x, &Elementary::sinh, &DoubleElementary::sinh);
}
Value MathEmitter::cosh(Value x) {
  return emit(builder, loc, x, &Elementary::cosh, &DoubleElementary::cosh);
}
Value MathEmitter::asinh(Value x) {
  return emit(builder, loc, x, &Elementary::asinh, &DoubleElementary::asinh);
}
Value MathEmitter::acosh(Value x) {
  return emit(builder, loc, x, &Elementary::acosh, &DoubleElementary::acosh);
}
Value MathEmitter::atanh(Value x) {
  return emit(builder, loc, x, &Elementary::atanh, &DoubleElementary::atanh);
}
Value MathEmitter::remainder(Value x, Value y) {
  SsaMachine machine(builder, loc, x.getType());
  if (getElementTypeOrSelf(x.getType()).isF64())
    return Doubles(machine).remainder(x, y);
  return machine.narrow(
      Elementary(machine).remainder(machine.widen(x), machine.widen(y)));
}
