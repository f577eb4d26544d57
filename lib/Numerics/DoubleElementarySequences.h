// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inverse circular functions, hyperbolic functions and their inverses of f64.
// Their polynomials are minimax fits.

#ifndef QOPT_NUMERICS_DOUBLEELEMENTARYSEQUENCES_H
#define QOPT_NUMERICS_DOUBLEELEMENTARYSEQUENCES_H

#include "lib/Numerics/DoubleSequences.h"

namespace qopt::numerics {

/// `Machine` as for DoubleSequences, with dSqrt. Each is within 3 ULP.
template <class Machine>
class DoubleElementarySequences : protected DoubleSequences<Machine> {
  using Base = DoubleSequences<Machine>;
  using D = typename Machine::D;
  using M = typename Machine::M;
  using Base::inf;
  using Base::m;

public:
  explicit DoubleElementarySequences(Machine &machine) : Base(machine) {}

  D atan(D x) {
    D a = this->absolute(x);
    // atan(a) = base + atan(z) with |z| <= tan(pi / 8).
    M large = m.dLessThan(m.d(0x1.3504f333f9de6p+1), a);
    M middle = m.dLessThan(m.d(0x1.a827999fcef32p-2), a);
    D z = m.dDiv(m.dSub(a, m.d(1.0)), m.dAdd(a, m.d(1.0)));
    z = m.dSelect(large, m.dDiv(m.d(-1.0), a), m.dSelect(middle, z, a));
    auto base = [&](double quarter) {
      return m.dSelect(large, m.d(2 * quarter),
                       m.dSelect(middle, m.d(quarter), m.d(0.0)));
    };
    D s = m.dMul(z, z);
    D series = this->polynomial(
        s, {-0x1.5555555555555p-2, 0x1.9999999999997p-3, -0x1.24924924920a3p-3,
            0x1.c71c71c6dd2d8p-4, -0x1.745d173542f7ap-4, 0x1.3b13aea53b18fp-4,
            -0x1.1110ce80547d7p-4, 0x1.e1d8ddf459f4dp-5, -0x1.aebcad6415c5dp-5,
            0x1.829a09d7f37d9p-5, -0x1.5030c28013685p-5, 0x1.f5ba271a2a8e8p-6,
            -0x1.c7a6bc6dde7f9p-7});
    D rest = m.dFma(m.dMul(z, s), series, base(halfPiLow / 2));
    return odd(m.dAdd(base(halfPi / 2), m.dAdd(z, rest)), x);
  }

  D asin(D x) {
    Angle angle = halfAngle(x);
    // pi / 2 - 2 z.
    D twice = m.dFma(angle.low, m.d(-2.0), m.d(halfPiLow));
    D large = m.dAdd(m.d(halfPi), m.dFma(angle.high, m.d(-2.0), twice));
    D small = m.dAdd(angle.high, angle.low);
    return withinUnit(odd(m.dSelect(angle.isLarge, large, small), x), x);
  }
  D acos(D x) {
    Angle angle = halfAngle(x);
    M negative = m.dLessThan(x, m.d(0.0));
    // Of |x| <= 1/2 pi / 2 - asin(x), beyond 2 z, of negative x pi - 2 z.
    D sign = m.dSelect(negative, m.d(1.0), m.d(-1.0));
    D rest = m.dFma(sign, angle.low, m.d(halfPiLow));
    D small = m.dAdd(m.d(halfPi), m.dFma(sign, angle.high, rest));
    D z = m.dAdd(angle.high, angle.low);
    rest = m.dSub(m.d(halfPiLow), angle.low);
    D mirrored = m.dAdd(m.d(halfPi), m.dSub(rest, angle.high));
    D large = m.dMul(m.dSelect(negative, mirrored, z), m.d(2.0));
    return withinUnit(m.dSelect(angle.isLarge, large, small), x);
  }

  D sinh(D x) {
    D t = this->absolute(x);
    D e = this->expm1(this->clamp(t, 0.0, 22.0));
    D small = m.dMul(m.dAdd(e, m.dDiv(e, m.dAdd(e, m.d(1.0)))), m.d(0.5));
    M isSmall = m.dLessThan(t, m.d(22.0));
    return odd(m.dSelect(isSmall, small, halfExponential(t)), x);
  }
  D cosh(D x) {
    D half = halfExponential(this->absolute(x));
    D result = m.dAdd(half, m.dDiv(m.d(0.25), half));
    return m.dSelect(m.dIsNaN(x), x, result);
  }

  D asinh(D x) {
    D t = this->absolute(x);
    D square = m.dMul(t, t);
    D root = m.dSqrt(m.dAdd(square, m.d(1.0)));
    D grown = m.dAdd(t, m.dDiv(square, m.dAdd(root, m.d(1.0))));
    M isLarge = m.dLessThan(m.d(0x1p28), t);
    return odd(m.dSelect(isLarge, logOfDouble(t), log1p(grown)), x);
  }
  D acosh(D x) {
    D more = m.dSub(x, m.d(1.0));
    D root = m.dSqrt(m.dMul(more, m.dAdd(x, m.d(1.0))));
    M isLarge = m.dLessThan(m.d(0x1p28), x);
    D result =
        m.dSelect(isLarge, logOfDouble(x), log1p(m.dAdd(more, root)));
    result = m.dSelect(m.dLessThan(x, m.d(1.0)), this->quietNaN(), result);
    return m.dSelect(m.dIsNaN(x), x, result);
  }
  D atanh(D x) {
    D t = this->absolute(x);
    D ratio = m.dDiv(m.dAdd(t, t), m.dSub(m.d(1.0), t));
    D result = odd(m.dMul(log1p(ratio), m.d(0.5)), x);
    D edge = m.dSelect(m.dEqual(t, m.d(1.0)), this->copySign(m.d(inf), x),
                       this->quietNaN());
    result = m.dSelect(m.dLessThan(t, m.d(1.0)), result, edge);
    return m.dSelect(m.dIsNaN(x), x, result);
  }

private:
  static constexpr double halfPi = 0x1.921fb54442d18p+0;
  static constexpr double halfPiLow = 0x1.1a62633145c07p-54;

  /// A function of |x| with x's sign; NaN returns itself.
  D odd(D magnitude, D x) {
    return m.dSelect(m.dIsNaN(x), x, this->copySign(magnitude, x));
  }
  D withinUnit(D result, D x) {
    M outside = m.dLessThan(m.d(1.0), this->absolute(x));
    result = m.dSelect(outside, this->quietNaN(), result);
    return m.dSelect(m.dIsNaN(x), x, result);
  }

  /// asin(|x|) up to 1/2; beyond ("large") asin(sqrt((1 - |x|) / 2)).
  struct Angle {
    M isLarge;
    D high, low;
  };
  Angle halfAngle(D x) {
    D a = this->absolute(x);
    M isLarge = m.dLessThan(m.d(0.5), a);
    D square = m.dSelect(isLarge, m.dMul(m.dSub(m.d(1.0), a), m.d(0.5)),
                         m.dMul(a, a));
    D z = m.dSelect(isLarge, m.dSqrt(square), a);
    // What the root lacks: (square - z^2) / 2 z.
    D rest = m.dDiv(m.dFma(m.dSub(m.d(0.0), z), z, square), m.dAdd(z, z));
    M isRoot = m.both(isLarge, m.dLessThan(m.d(0.0), square));
    rest = m.dSelect(isRoot, rest, m.d(0.0));
    D series = this->polynomial(
        square,
        {0x1.5555555555556p-3, 0x1.3333333332ebdp-4, 0x1.6db6db6e33356p-5,
         0x1.f1c71c1ce46ccp-6, 0x1.6e8bb1e919659p-6, 0x1.1c4d32ae44ec8p-6,
         0x1.c9cf677405c4cp-7, 0x1.78228b4086228p-7, 0x1.525b4e274fa99p-7,
         0x1.64cb211c6bf58p-8, 0x1.1db3b63ecb677p-6, -0x1.e89a42a224981p-7,
         0x1.d7d7f9098002ep-6});
    return {isLarge, z, m.dFma(m.dMul(z, square), series, rest)};
  }

  /// e^t / 2 for t >= 0.
  D halfExponential(D t) {
    auto e = this->expParts(this->clamp(t, 0.0, 711.0));
    return this->scaled(this->sum(m.d(1.0), e.rest, e.tail),
                        m.dSub(e.exponent, m.d(1.0)));
  }
  /// log(1 + u) for u >= 0.
  D log1p(D u) {
    D v = m.dAdd(m.d(1.0), u);
    M isSmall = m.dLessThan(u, m.d(1.0));
    D large = m.dSelect(isSmall, m.d(1.0), u),
      small = m.dSelect(isSmall, u, m.d(1.0));
    D lost = m.dAdd(m.dSub(large, v), small);
    return m.dAdd(this->log(v), m.dDiv(lost, v));
  }
  /// log(2 t).
  D logOfDouble(D t) { return m.dAdd(this->log(t), m.d(Base::ln2High)); }
};

} // namespace qopt::numerics

#endif // QOPT_NUMERICS_DOUBLEELEMENTARYSEQUENCES_H
