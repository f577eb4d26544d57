// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementary functions of f64, as MathSequences are of f32: each a fixed
// sequence of IEEE operations over the machine that performs them. Polynomials
// are power series, cut where the rest is below half a unit in the last place.

#ifndef QOPT_NUMERICS_DOUBLESEQUENCES_H
#define QOPT_NUMERICS_DOUBLESEQUENCES_H

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace qopt::numerics {

/// `Machine` supplies the types D (f64), L (i64), M (truth value) and the
/// operations on them, see FloatMachine in Math.cpp.
template <class Machine> class DoubleSequences {
  using D = typename Machine::D;
  using L = typename Machine::L;
  using M = typename Machine::M;

public:
  explicit DoubleSequences(Machine &machine) : m(machine) {}

  /// e^x, 1 ULP, denormal results included.
  D exp(D x) {
    // Beyond these bounds the result is inf or 0 anyway; NaN becomes `high`.
    Parts e = expParts(clamp(x, -746.0, 710.0));
    D p = sum(m.d(1.0), e.rest, e.tail);
    // 2^n in two factors, since n may leave the exponent range of a normal.
    D half = m.dFloor(m.dMul(e.exponent, m.d(0.5)));
    D result = m.dMul(m.dMul(p, powerOfTwo(half)),
                      powerOfTwo(m.dSub(e.exponent, half)));
    return m.dSelect(m.dIsNaN(x), x, result);
  }

  /// Natural logarithm, 2 ULP. log(0) = -inf, log(x < 0) = NaN.
  D log(D x) {
    M denormal = m.dLessThan(x, m.d(0x1p-1022));
    D normal = m.dSelect(denormal, m.dMul(x, m.d(0x1p54)), x);
    // x = mantissa * 2^exponent, the mantissa from sqrt(1/2).
    L bits = m.dBits(normal);
    L shift = m.lShiftRightSigned(m.lSub(bits, m.l(0x3fe6a09e667f3bcd)), 52);
    D exponent = m.dAdd(smallToDouble(shift),
                        m.dSelect(denormal, m.d(-54.0), m.d(0.0)));
    D mantissa = m.dFromBits(m.lSub(bits, m.lShiftLeft(shift, 52)));
    D f = m.dSub(mantissa, m.d(1.0));
    // log(1 + f) = 2 atanh(s), s = f / (2 + f), with f - f^2/2 taken out since
    // s is rounded and f is not.
    D s = m.dDiv(f, m.dAdd(f, m.d(2.0)));
    D halfSquare = m.dMul(m.dMul(f, f), m.d(0.5));
    D z = m.dMul(s, s);
    D series = m.dMul(
        z, polynomial(z, {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11,
                          2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21,
                          2.0 / 23}));
    D tail = m.dFma(exponent, m.d(ln2Low),
                    m.dMul(s, m.dAdd(halfSquare, series)));
    D rest = m.dSub(f, m.dSub(halfSquare, tail));
    D result = m.dFma(exponent, m.d(ln2High), rest);
    result = m.dSelect(m.dLessThan(x, m.d(inf)), result, m.d(inf));
    result = m.dSelect(m.dEqual(x, m.d(0.0)), m.d(-inf), result);
    result = m.dSelect(m.dLessThan(x, m.d(0.0)), quietNaN(), result);
    return m.dSelect(m.dIsNaN(x), x, result);
  }

  /// Hyperbolic tangent, 2 ULP.
  D tanh(D x) {
    D t = absolute(x);
    // From 20 on it is 1.
    D u = m.dSelect(m.dLessThan(t, m.d(20.0)), t, m.d(20.0));
    // With e = e^2u - 1: e / (e + 2).
    D e = expm1(m.dAdd(u, u));
    D result = copySign(quotientBySum(e, m.d(2.0), e), x);
    return m.dSelect(m.dIsNaN(x), x, result);
  }

  /// 1 / (1 + e^-x), 2 ULP; the smaller tail keeps its relative precision.
  D sigmoid(D x) {
    D e = exp(m.dSub(m.d(0.0), absolute(x)));
    D top = m.dSelect(m.dLessThan(x, m.d(0.0)), e, m.d(1.0));
    D result = quotientBySum(top, m.d(1.0), e);
    return m.dSelect(m.dIsNaN(x), x, result);
  }

  /// C's fmod, exact.
  D remainder(D x, D y) {
    D rest = absolute(x), divisor = absolute(y);
    // Multiples of the divisor, so that no quotient overflows.
    D larger = m.dMul(divisor, m.d(0x1p600));
    D largest = m.dMul(larger, m.d(0x1p600));
    // Each step takes 48 bits off a quotient of up to 2,098, or ends with one of
    // the multiples.
    for (int step = 0; step < 47; ++step) {
      D d = m.dSelect(m.dLessThan(rest, m.dAdd(largest, largest)), larger,
                      largest);
      d = m.dSelect(m.dLessThan(rest, m.dAdd(larger, larger)), divisor, d);
      rest = remainderStep(rest, d);
    }
    rest = copySign(rest, x);
    // An infinite divisor is served so, too.
    return m.dSelect(m.dLessThan(absolute(x), divisor), x, rest);
  }

private:
  static constexpr double inf = std::numeric_limits<double>::infinity();
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2High = 0x1.62e42fefa39efp-1;
  static constexpr double ln2Low = 0x1.abc9e3b39803fp-56;
  /// Adding it leaves an integer in the low bits of a double.
  static constexpr double toLowBits = 0x1.8p52;

  D quietNaN() { return m.dFromBits(m.l(0x7ff8000000000000)); }
  D absolute(D x) {
    return m.dFromBits(
        m.lAnd(m.dBits(x), m.l(std::numeric_limits<int64_t>::max())));
  }
  D copySign(D magnitude, D sign) {
    L signBit = m.lAnd(m.dBits(sign), m.l(std::numeric_limits<int64_t>::min()));
    return m.dFromBits(m.lOr(m.dBits(absolute(magnitude)), signBit));
  }
  /// min and max by comparison: NaN becomes `high`.
  D clamp(D x, double low, double high) {
    D below = m.dSelect(m.dLessThan(x, m.d(high)), x, m.d(high));
    return m.dSelect(m.dLessThan(below, m.d(low)), m.d(low), below);
  }
  D polynomial(D x, std::initializer_list<double> ascending) {
    auto c = ascending.end();
    D result = m.d(*--c);
    while (c != ascending.begin())
      result = m.dFma(result, x, m.d(*--c));
    return result;
  }
  /// 2^n of an integer -1023 < n < 1024.
  D powerOfTwo(D n) {
    L biased = m.dBits(m.dAdd(n, m.d(toLowBits + 1023)));
    return m.dFromBits(m.lShiftLeft(biased, 52));
  }
  /// Of |n| < 2^51.
  D smallToDouble(L n) {
    L sum = m.lAdd(m.dBits(m.d(toLowBits)), n);
    return m.dSub(m.dFromBits(sum), m.d(toLowBits));
  }

  /// e^x = 2^exponent * (1 + rest + tail), |rest| <= (ln 2) / 2; the tail holds
  /// what f64 rounds off the rest, too.
  struct Parts {
    D exponent; // an integer
    D rest, tail;
  };
  /// For |x| < 2^20.
  Parts expParts(D x) {
    D n = m.dRoundEven(m.dMul(x, m.d(log2e)));
    D high = m.dFma(n, m.d(-ln2High), x);
    D r = m.dFma(n, m.d(-ln2Low), high);
    D low = m.dFma(n, m.d(-ln2Low), m.dSub(high, r));
    D p = polynomial(r, {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720,
                         1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
                         1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800});
    return {n, r, m.dFma(m.dMul(r, r), p, low)};
  }
  /// rest - n * d, exactly and not negative, for an integer n near rest / d.
  D remainderStep(D rest, D d) {
    D quotient = m.dDiv(rest, d);
    // Rounded to 49 bits: the product then leaves no more than half a unit of
    // those times d, either way, which fits a double.
    L bits = m.lAnd(m.lAdd(m.dBits(quotient), m.l(8)), m.l(-16));
    L power = m.lAnd(bits, m.l(0x7ff0000000000000));
    M isSmall = m.dLessThan(quotient, m.d(0x1p49));
    D n = m.dSelect(isSmall, m.dFloor(quotient), m.dFromBits(bits));
    D unit = m.dSelect(isSmall, m.d(1.0),
                       m.dMul(m.dFromBits(power), m.d(0x1p-48)));
    rest = m.dFma(m.dSub(m.d(0.0), n), d, rest);
    return m.dSelect(m.dLessThan(rest, m.d(0.0)), m.dFma(unit, d, rest), rest);
  }
  /// a + b + c, |a| >= |b| or a = 0, c the smallest: rounded about once.
  D sum(D a, D b, D c) {
    D high = m.dAdd(a, b);
    D low = m.dAdd(m.dSub(a, high), b);
    return m.dAdd(high, m.dAdd(low, c));
  }
  /// a / (b + c), rounded about once.
  D quotientBySum(D a, D b, D c) {
    D high = m.dAdd(b, c);
    // The larger first, for the rest to be exact.
    M bLarger = m.dLessThan(c, b);
    D large = m.dSelect(bLarger, b, c), small = m.dSelect(bLarger, c, b);
    D low = m.dAdd(m.dSub(large, high), small);
    D inverse = m.dDiv(m.d(1.0), high);
    D q = m.dMul(a, inverse);
    D minusQ = m.dSub(m.d(0.0), q);
    D rest = m.dFma(minusQ, low, m.dFma(minusQ, high, a));
    return m.dFma(rest, inverse, q);
  }
  /// e^x - 1 for 0 <= x <= 700.
  D expm1(D x) {
    Parts e = expParts(x);
    D power = powerOfTwo(e.exponent);
    return sum(m.dSub(power, m.d(1.0)), m.dMul(power, e.rest),
               m.dMul(power, e.tail));
  }

  Machine &m;
};

} // namespace qopt::numerics

#endif // QOPT_NUMERICS_DOUBLESEQUENCES_H
