// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inverse circular functions, hyperbolic functions and their inverses. They are
// rare in models, so each is evaluated in f64 and rounded once: within 1 ULP
// everywhere, near zero too, without a case a range.

#ifndef QOPT_NUMERICS_ELEMENTARYSEQUENCES_H
#define QOPT_NUMERICS_ELEMENTARYSEQUENCES_H

#include "lib/Numerics/MathSequences.h"

namespace qopt::numerics {

/// `Machine` as for MathSequences, with dSqrt.
template <class Machine>
class ElementarySequences : protected MathSequences<Machine> {
  using Base = MathSequences<Machine>;
  using F = typename Machine::F;
  using D = typename Machine::D;
  using M = typename Machine::M;
  using Base::inf;
  using Base::m;

public:
  explicit ElementarySequences(Machine &machine) : Base(machine) {}

  F atan(F x) {
    D a = m.widen(this->absolute(x));
    // atan(a) = base + atan(z) with |z| <= tan(pi / 8).
    M large = m.dLessThan(m.d(0x1.3504f333f9de6p+1), a);
    M middle = m.dLessThan(m.d(0x1.a827999fcef32p-2), a);
    D z = m.dDiv(m.dSub(a, m.d(1.0)), m.dAdd(a, m.d(1.0)));
    z = m.dSelect(large, m.dDiv(m.d(-1.0), a), m.dSelect(middle, z, a));
    D base = m.dSelect(large, m.d(halfPi),
                       m.dSelect(middle, m.d(halfPi / 2), m.d(0.0)));
    D series = this->dPolynomial(
        m.dMul(z, z), {0x1.fffffffffe651p-1, -0x1.5555554be21b4p-2,
                       0x1.999990733bdadp-3, -0x1.24909744b366ep-3,
                       0x1.c6ccf50743066p-4, -0x1.705c4c32e8a5ep-4,
                       0x1.1dc546356f59fp-4, -0x1.34d35dba12621p-5});
    return odd(m.dAdd(base, m.dMul(z, series)), x);
  }

  F asin(F x) {
    D a = m.widen(this->absolute(x));
    M large = m.dLessThan(m.d(0.5), a);
    D z = inverseSineArgument(a, large);
    D angle = m.dMul(z, inverseSineSeries(z));
    angle = m.dSelect(large, m.dFma(angle, m.d(-2.0), m.d(halfPi)), angle);
    return withinUnit(odd(angle, x), x);
  }
  F acos(F x) {
    D a = m.widen(this->absolute(x));
    M large = m.dLessThan(m.d(0.5), a);
    M negative = m.lessThan(x, m.f(0.0f));
    D z = inverseSineArgument(a, large);
    D angle = m.dMul(z, inverseSineSeries(z));
    // Of |x|; acos(-x) = pi - acos(x).
    angle = m.dSelect(large, m.dAdd(angle, angle),
                      m.dSub(m.d(halfPi), angle));
    angle = m.dSelect(negative, m.dSub(m.d(2 * halfPi), angle), angle);
    return withinUnit(m.narrow(angle), x);
  }

  F sinh(F x) {
    D a = m.widen(this->absolute(x));
    D small = this->dPolynomial(
        m.dMul(a, a), {1.0, 1.0 / 6, 1.0 / 120, 1.0 / 5040, 1.0 / 362880,
                       1.0 / 39916800, 1.0 / 6227020800});
    D e = exponential(a);
    D large = m.dMul(m.dSub(e, m.dDiv(m.d(1.0), e)), m.d(0.5));
    M isSmall = m.dLessThan(a, m.d(1.0));
    return odd(m.dSelect(isSmall, m.dMul(a, small), large), x);
  }
  F cosh(F x) {
    D e = exponential(m.widen(this->absolute(x)));
    D sum = m.dAdd(e, m.dDiv(m.d(1.0), e));
    return m.select(m.isNaN(x), x, m.narrow(m.dMul(sum, m.d(0.5))));
  }

  F asinh(F x) {
    D a = m.widen(finiteOrZero(this->absolute(x)));
    D square = m.dMul(a, a);
    D small = this->dPolynomial(
        square, {0x1.fffffffffad1bp-1, -0x1.5555552b545d1p-3,
                 0x1.33331728fe94cp-4, -0x1.6dafaf0d33256p-5,
                 0x1.f0de2c9c78c6dp-6, -0x1.6662a4ec3b4eap-6,
                 0x1.e4bb49b3395fap-7, -0x1.abcea14cc781bp-8});
    D large = logarithm(m.dAdd(a, m.dSqrt(m.dAdd(square, m.d(1.0)))));
    M isSmall = m.dLessThan(a, m.d(0.5));
    F result = odd(m.dSelect(isSmall, m.dMul(a, small), large), x);
    return m.select(m.equal(this->absolute(x), m.f(inf)), x, result);
  }
  F acosh(F x) {
    M below = m.lessThan(x, m.f(1.0f));
    F bounded = m.select(below, m.f(1.0f), finiteOrZero(x));
    bounded = m.select(m.lessThan(bounded, m.f(1.0f)), m.f(1.0f), bounded);
    D a = m.widen(bounded), excess = m.dSub(a, m.d(1.0));
    D root = m.dSqrt(m.dMul(excess, m.dAdd(a, m.d(1.0))));
    F result = m.narrow(logarithm(m.dAdd(m.dAdd(m.d(1.0), excess), root)));
    result = m.select(m.equal(x, m.f(inf)), x, result);
    result = m.select(below, this->quietNaN(), result);
    return m.select(m.isNaN(x), x, result);
  }
  F atanh(F x) {
    F size = this->absolute(x);
    M inside = m.lessThan(size, m.f(1.0f));
    D a = m.widen(m.select(inside, size, m.f(0.5f)));
    // log2Series is of log2((1 + a) / (1 - a)) already.
    D small = m.dMul(m.dMul(a, m.d(halfLn2)), this->log2Series(m.dMul(a, a)));
    D ratio = m.dDiv(m.dAdd(m.d(1.0), a), m.dSub(m.d(1.0), a));
    D large = m.dMul(logarithm(ratio), m.d(0.5));
    M isSmall = m.dLessThan(a, m.d(0.125));
    F result = odd(m.dSelect(isSmall, small, large), x);
    M one = m.equal(size, m.f(1.0f));
    F edge = m.select(one, this->copySign(m.f(inf), x), this->quietNaN());
    result = m.select(inside, result, edge);
    return m.select(m.isNaN(x), x, result);
  }

  /// C's fmod of doubles that hold f32.
  D remainder(D x, D y) {
    M negative = m.dLessThan(x, m.d(0.0));
    D rest = m.dSelect(negative, m.dSub(m.d(0.0), x), x);
    D divisor = m.dSelect(m.dLessThan(y, m.d(0.0)), m.dSub(m.d(0.0), y), y);
    // A quotient of more than 52 bits is taken from below, bit by bit of it:
    // what is left is exact and not negative.
    for (int round = 1; round < 6; ++round) {
      D quotient = m.dMul(m.dDiv(rest, divisor), m.d(1 - 0x1p-52));
      D whole = m.dSelect(m.dLessThan(quotient, m.d(0x1p52)), m.d(0.0),
                          m.dFloor(quotient));
      rest = m.dFma(m.dSub(m.d(0.0), whole), divisor, rest);
    }
    // The last may be one too large by rounding.
    D quotient = m.dFloor(m.dDiv(rest, divisor));
    rest = m.dFma(m.dSub(m.d(0.0), quotient), divisor, rest);
    rest = m.dSelect(m.dLessThan(rest, m.d(0.0)), m.dAdd(rest, divisor), rest);
    D result = m.dMul(rest, m.dSelect(negative, m.d(-1.0), m.d(1.0)));
    // Of |x| < |y| it is x: this keeps -0 and serves an infinite y.
    D size = m.dSelect(negative, m.dSub(m.d(0.0), x), x);
    return m.dSelect(m.dLessThan(size, divisor), x, result);
  }

private:
  static constexpr double halfPi = 0x1.921fb54442d18p+0;
  static constexpr double ln2 = 0x1.62e42fefa39efp-1;
  static constexpr double halfLn2 = ln2 / 2;

  /// The f32 of a function of |x| with x's sign; NaN returns itself.
  F odd(D magnitude, F x) {
    F result = this->copySign(m.narrow(magnitude), x);
    return m.select(m.isNaN(x), x, result);
  }
  F withinUnit(F result, F x) {
    M outside = m.lessThan(m.f(1.0f), this->absolute(x));
    result = m.select(outside, this->quietNaN(), result);
    return m.select(m.isNaN(x), x, result);
  }
  F finiteOrZero(F x) { // NaN becomes 0 as well
    return m.select(m.lessThan(x, m.f(inf)), x, m.f(0.0f));
  }
  /// asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)) keeps the argument below 1/2.
  D inverseSineArgument(D a, M large) {
    D rest = m.dMul(m.dSub(m.d(1.0), a), m.d(0.5));
    rest = m.dSelect(m.dLessThan(rest, m.d(0.0)), m.d(0.0), rest);
    return m.dSelect(large, m.dSqrt(rest), a);
  }
  /// asin(z) / z for |z| <= 1/2.
  D inverseSineSeries(D z) {
    return this->dPolynomial(
        m.dMul(z, z), {0x1.0000000000f78p+0, 0x1.5555554205f6bp-3,
                       0x1.33334305f24aap-4, 0x1.6db1e349aaa29p-5,
                       0x1.f28de6798bdb0p-6, 0x1.65e9acfc2ea3ep-6,
                       0x1.53a8a6076ff28p-6, 0x1.d5e28a6bc4380p-10,
                       0x1.0f005c217c693p-5});
  }
  D exponential(D x) {
    return this->exp2AsDouble(m.dMul(x, m.d(0x1.71547652b82fep+0)));
  }
  /// Natural logarithm of 1 <= v < 2^131.
  D logarithm(D v) {
    // Scaled so that f32 holds it; what f32 rounds off comes back as a factor.
    D scaled = m.dMul(v, m.d(0x1p-4));
    F rounded = m.narrow(scaled);
    auto [exponent, mantissa] = this->splitPositive(rounded, 0x3f3504f3);
    D d = m.dMul(m.widen(mantissa), m.dDiv(scaled, m.widen(rounded)));
    D z = m.dDiv(m.dSub(d, m.d(1.0)), m.dAdd(d, m.d(1.0)));
    D whole = m.widen(m.add(exponent, m.f(4.0f)));
    return m.dMul(m.dFma(z, this->log2Series(m.dMul(z, z)), whole), m.d(ln2));
  }
};

} // namespace qopt::numerics

#endif // QOPT_NUMERICS_ELEMENTARYSEQUENCES_H
