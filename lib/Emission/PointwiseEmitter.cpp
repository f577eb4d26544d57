// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise ops of nn on lanes. Minima and maxima are comparisons and
// selections, shaped so that x86 has one instruction for them and NaN passes.

#include "lib/Emission/PointwiseEmitter.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/MathEmitter.h"
#include "lib/Emission/PointwiseLowBit.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

/// Floats or integers of one op, in one notation.
class LaneBuilder {
public:
  /// \p element is what the lanes hold: narrow unsigned numbers are positive
  /// i32, wide ones need operations of their own.
  LaneBuilder(KernelBuilder &kb, Type like, Type element)
      : kb(kb), type(like), isFloat(isa<FloatType>(getElementTypeOrSelf(like))),
        isUnsigned(element.isUnsignedInteger() &&
                   element.getIntOrFloatBitWidth() >= 32),
        math(kb.builder(), kb.loc()) {}

  Value constant(double value) { return kb.constantLike(type, value); }
  Value add(Value a, Value b) {
    return pick<arith::AddFOp, arith::AddIOp>(a, b);
  }
  Value sub(Value a, Value b) {
    return pick<arith::SubFOp, arith::SubIOp>(a, b);
  }
  Value mul(Value a, Value b) {
    return pick<arith::MulFOp, arith::MulIOp>(a, b);
  }
  Value div(Value a, Value b) {
    return isFloat ? kb.divf(a, b) : integerDivision(a, b);
  }
  Value select(Value c, Value a, Value b) {
    return kb.create<arith::SelectOp>(c, a, b);
  }
  Value less(Value a, Value b) {
    return compare(arith::CmpFPredicate::OLT,
                   isUnsigned ? arith::CmpIPredicate::ult
                              : arith::CmpIPredicate::slt,
                   a, b);
  }
  Value compare(arith::CmpFPredicate f, arith::CmpIPredicate i, Value a,
                Value b) {
    if (isFloat)
      return kb.create<arith::CmpFOp>(f, a, b);
    return kb.create<arith::CmpIOp>(i, a, b);
  }
  /// Both return x where it is NaN.
  Value atLeast(Value low, Value x) { return select(less(x, low), low, x); }
  Value atMost(Value high, Value x) { return select(less(high, x), high, x); }
  Value absolute(Value x) {
    if (isFloat)
      return kb.create<math::AbsFOp>(x);
    if (isUnsigned)
      return x;
    return select(less(x, constant(0)), sub(constant(0), x), x);
  }
  Value negate(Value x) {
    if (isFloat)
      return kb.create<arith::NegFOp>(x);
    return sub(constant(0), x);
  }
  /// NaN if either operand is.
  Value extreme(Value a, Value b, bool maximum) {
    Value ordered =
        maximum ? select(less(b, a), a, b) : select(less(a, b), a, b);
    if (!isFloat)
      return ordered;
    Value aIsNaN = kb.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, a, a);
    return select(aIsNaN, a, ordered);
  }

  Value relu(Value x) { return atLeast(constant(0), x); }
  Value clip(Value x, double low, double high) {
    return atMost(constant(high), atLeast(constant(low), x));
  }
  Value gelu(Value x) {
    Value inner = math.erf(mul(x, constant(0.70710678f)));
    return mul(mul(x, constant(0.5)), add(constant(1), inner));
  }
  Value geluTanh(Value x) {
    Value cube = mul(mul(x, x), x);
    Value inner = add(x, mul(constant(0.044715f), cube));
    Value t = math.tanh(mul(constant(0.79788456f), inner));
    return mul(mul(x, constant(0.5)), add(constant(1), t));
  }
  Value softplus(Value x) {
    Value e = math.exp(negate(absolute(x)));
    return add(relu(x), math.log(add(constant(1), e)));
  }
  Value hardSigmoid(Value x, float alpha, float beta) {
    Value line = add(mul(constant(alpha), x), constant(beta));
    return clip(line, 0, 1);
  }
  Value hardSwish(Value x) {
    Value line = add(mul(x, constant(0.16666667f)), constant(0.5));
    return mul(x, clip(line, 0, 1));
  }
  Value pow(Value x, Value y) {
    return isFloat ? math.pow(x, y) : integerPower(x, y);
  }
  Value rsqrt(Value x) { return div(constant(1), kb.create<math::SqrtOp>(x)); }

private:
  template <class FloatOp, class IntOp> Value pick(Value a, Value b) {
    if (isFloat)
      return kb.create<FloatOp>(a, b);
    return kb.create<IntOp>(a, b);
  }
  Value equal(Value a, Value b) {
    return kb.create<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b);
  }
  /// By squaring, wrapping. A negative exponent leaves 0, but of 1 and -1 their
  /// parity: x^y, truncated toward zero.
  Value integerPower(Value x, Value y) {
    Value zero = constant(0), one = constant(1);
    Value result = one, square = x;
    unsigned bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    for (unsigned bit = 0; bit < bits; ++bit) {
      Value shifted = kb.create<arith::ShRUIOp>(y, constant(bit));
      Value isSet = equal(kb.create<arith::AndIOp>(shifted, one), one);
      result = select(isSet, mul(result, square), result);
      square = mul(square, square);
    }
    if (isUnsigned)
      return result;
    Value isUnit = kb.create<arith::OrIOp>(equal(x, one),
                                           equal(x, constant(-1)));
    Value vanishes = select(isUnit, result, zero);
    return select(less(y, zero), vanishes, result);
  }
  /// Toward zero. x / 0 = 0 and min / -1 = min: no traps.
  Value integerDivision(Value a, Value b) {
    Value zero = constant(0), one = constant(1), minusOne = constant(-1);
    if (isUnsigned) {
      Value isZero = equal(b, zero);
      return select(isZero, zero,
                    kb.create<arith::DivUIOp>(a, select(isZero, one, b)));
    }
    Value isZero = equal(b, zero), isMinusOne = equal(b, minusOne);
    Value safe = select(kb.create<arith::OrIOp>(isZero, isMinusOne), one, b);
    Value quotient = kb.create<arith::DivSIOp>(a, safe);
    quotient = select(isMinusOne, sub(zero, a), quotient);
    return select(isZero, zero, quotient);
  }

public:
  KernelBuilder &kb;
  Type type;
  bool isFloat, isUnsigned;
  MathEmitter math;
};

/// Clip bounds of integers saturate to i32: lanes of codes and indices.
double clipBound(LaneBuilder &lb, const APFloat &bound) {
  double value = bound.convertToFloat();
  if (lb.isFloat)
    return value;
  return std::clamp(value, -2147483648.0, 2147483647.0);
}

template <class MathOp> Value unary(LaneBuilder &lb, Value x) {
  return lb.kb.create<MathOp>(x);
}

Value emitElementary(MathEmitter &math, nn::ElementaryFunction function,
                     Value x) {
  switch (function) {
  case nn::ElementaryFunction::asin:
    return math.asin(x);
  case nn::ElementaryFunction::acos:
    return math.acos(x);
  case nn::ElementaryFunction::atan:
    return math.atan(x);
  case nn::ElementaryFunction::sinh:
    return math.sinh(x);
  case nn::ElementaryFunction::cosh:
    return math.cosh(x);
  case nn::ElementaryFunction::asinh:
    return math.asinh(x);
  case nn::ElementaryFunction::acosh:
    return math.acosh(x);
  case nn::ElementaryFunction::atanh:
    return math.atanh(x);
  }
  return {};
}

Value emitUnary(LaneBuilder &lb, Operation *op, Value x) {
  KernelBuilder &kb = lb.kb;
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::ReluOp) { return lb.relu(x); })
      .Case([&](nn::LeakyReluOp leaky) {
        Value scaled =
            lb.mul(lb.constant(leaky.getAlpha().convertToFloat()), x);
        return lb.select(lb.less(x, lb.constant(0)), scaled, x);
      })
      .Case([&](nn::ClipOp clip) {
        return lb.clip(x, clipBound(lb, clip.getLo()),
                       clipBound(lb, clip.getHi()));
      })
      .Case([&](nn::SigmoidOp) { return lb.math.sigmoid(x); })
      .Case([&](nn::TanhOp) { return lb.math.tanh(x); })
      .Case([&](nn::ErfOp) { return lb.math.erf(x); })
      .Case([&](nn::ExpOp) { return lb.math.exp(x); })
      .Case([&](nn::LogOp) { return lb.math.log(x); })
      .Case([&](nn::SqrtOp) { return unary<math::SqrtOp>(lb, x); })
      .Case([&](nn::RsqrtOp) { return lb.rsqrt(x); })
      .Case([&](nn::ReciprocalOp) { return lb.div(lb.constant(1), x); })
      .Case([&](nn::NegOp) { return lb.negate(x); })
      .Case([&](nn::AbsOp) { return lb.absolute(x); })
      .Case([&](nn::FloorOp) { return unary<math::FloorOp>(lb, x); })
      .Case([&](nn::CeilOp) { return unary<math::CeilOp>(lb, x); })
      .Case([&](nn::RoundOp) { return unary<math::RoundEvenOp>(lb, x); })
      .Case([&](nn::SinOp) { return lb.math.sin(x); })
      .Case([&](nn::CosOp) { return lb.math.cos(x); })
      .Case([&](nn::ElementaryOp elementary) {
        return emitElementary(lb.math, elementary.getFunction(), x);
      })
      .Case([&](nn::GeluOp) { return lb.gelu(x); })
      .Case([&](nn::GeluTanhOp) { return lb.geluTanh(x); })
      .Case([&](nn::SiluOp) { return lb.mul(x, lb.math.sigmoid(x)); })
      .Case([&](nn::SoftplusOp) { return lb.softplus(x); })
      .Case([&](nn::HardSigmoidOp hard) {
        return lb.hardSigmoid(x, hard.getAlpha().convertToFloat(),
                              hard.getBeta().convertToFloat());
      })
      .Case([&](nn::HardSwishOp) { return lb.hardSwish(x); })
      .Case([&](nn::NotOp) {
        return kb.create<arith::XOrIOp>(x, lb.constant(1)).getResult();
      })
      .Default([](Operation *) { return Value(); });
}

Value emitBinary(LaneBuilder &lb, Operation *op, Value a, Value b) {
  using FP = arith::CmpFPredicate;
  using IP = arith::CmpIPredicate;
  KernelBuilder &kb = lb.kb;
  // Truth values order as unsigned: false < true.
  bool asUnsigned =
      lb.isUnsigned || getElementTypeOrSelf(a.getType()).isInteger(1);
  auto signedOr = [&](IP s, IP u) { return asUnsigned ? u : s; };
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::AddOp) { return lb.add(a, b); })
      .Case([&](nn::SubOp) { return lb.sub(a, b); })
      .Case([&](nn::MulOp) { return lb.mul(a, b); })
      .Case([&](nn::DivOp) { return lb.div(a, b); })
      .Case([&](nn::MinOp) { return lb.extreme(a, b, /*maximum=*/false); })
      .Case([&](nn::MaxOp) { return lb.extreme(a, b, /*maximum=*/true); })
      .Case([&](nn::PowOp) { return lb.pow(a, b); })
      .Case([&](nn::ModOp) { return lb.math.remainder(a, b); })
      .Case([&](nn::EqualOp) { return lb.compare(FP::OEQ, IP::eq, a, b); })
      .Case([&](nn::LessOp) {
        return lb.compare(FP::OLT, signedOr(IP::slt, IP::ult), a, b);
      })
      .Case([&](nn::LessEqualOp) {
        return lb.compare(FP::OLE, signedOr(IP::sle, IP::ule), a, b);
      })
      .Case([&](nn::GreaterOp) {
        return lb.compare(FP::OGT, signedOr(IP::sgt, IP::ugt), a, b);
      })
      .Case([&](nn::GreaterEqualOp) {
        return lb.compare(FP::OGE, signedOr(IP::sge, IP::uge), a, b);
      })
      .Case(
          [&](nn::AndOp) { return kb.create<arith::AndIOp>(a, b).getResult(); })
      .Case([&](nn::OrOp) { return kb.create<arith::OrIOp>(a, b).getResult(); })
      .Default([](Operation *) { return Value(); });
}

} // namespace

bool qopt::emission::isPointwise(Operation *op) {
  return op->hasTrait<nn::Pointwise>();
}

FailureOr<Value> qopt::emission::emitPointwise(KernelBuilder &kb, Operation *op,
                                               ValueRange lanes) {
  if (auto cast = dyn_cast<nn::CastOp>(op))
    return emitCast(kb, getElementTypeOrSelf(cast.getX().getType()),
                    getElementTypeOrSelf(cast.getResult().getType()), lanes[0],
                    cast.getOverflow());
  if (auto cast = dyn_cast<nn::BitCastOp>(op))
    return emitBitCast(kb, getElementTypeOrSelf(cast.getX().getType()),
                       cast.getTo(), lanes[0]);
  if (isa<nn::SelectOp>(op))
    return Value(kb.create<arith::SelectOp>(lanes[0], lanes[1], lanes[2]));
  if (Value result = emitLowBitPointwise(kb, op, lanes))
    return result;
  LaneBuilder lb(kb, lanes[0].getType(),
                 getElementTypeOrSelf(op->getOperand(0).getType()));
  Value result = lanes.size() == 1 ? emitUnary(lb, op, lanes[0])
                                   : emitBinary(lb, op, lanes[0], lanes[1]);
  if (!result)
    return failure();
  return result;
}

Value qopt::emission::emitMax(KernelBuilder &kb, Type element, Value a,
                               Value b) {
  return LaneBuilder(kb, a.getType(), element).extreme(a, b, /*maximum=*/true);
}
Value qopt::emission::emitMin(KernelBuilder &kb, Type element, Value a,
                               Value b) {
  return LaneBuilder(kb, a.getType(), element).extreme(a, b, /*maximum=*/false);
}
