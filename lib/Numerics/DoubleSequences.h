// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementary functions of f64, as MathSequences are of f32: each a fixed
// sequence of IEEE operations over the machine that performs them. Polynomials
// are power series, cut where the rest is below half a unit in the last place;
// those of erf are minimax fits.

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
    D result = scaled(sum(m.d(1.0), e.rest, e.tail), e.exponent);
    return m.dSelect(m.dIsNaN(x), x, result);
  }

  /// Natural logarithm, 2 ULP. log(0) = -inf, log(x < 0) = NaN.
  D log(D x) {
    auto [exponent, mantissa] = splitPositive(x);
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

  /// The error function, 2 ULP.
  D erf(D x) {
    D t = absolute(x);
    // Near zero: x + x * P(x^2).
    D small = polynomial(
        m.dMul(x, x),
        {0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042ae5p-4,
         -0x1.b82ce312822ddp-6, 0x1.565bcd0d048b3p-8, -0x1.c02db3a5c627bp-11,
         0x1.f9a3187322c67p-14, -0x1.f4d0d26b1f58cp-17, 0x1.b9cadeee79ce1p-20,
         -0x1.5e2391ba33606p-23, 0x1.e86d138bb1205p-27,
         -0x1.e990dc412f0e2p-31});
    small = m.dFma(small, t, t);
    // Elsewhere: 1 - e^(-t^2) * Q((t - 3) / (t + 3)); from 6 on that is 1.
    D u = m.dSelect(m.dLessThan(t, m.d(6.0)), t, m.d(6.0));
    D place = m.dDiv(m.dSub(u, m.d(3.0)), m.dAdd(u, m.d(3.0)));
    D q = polynomial(
        place,
        {0x1.6e9827d229d2dp-3, -0x1.4e102b9cf8513p-2, 0x1.f6ff204105975p-3,
         -0x1.336ffbef08b77p-3, 0x1.258b13b017a00p-4, -0x1.8fa58eb5d24e4p-6,
         0x1.17c838eec2e37p-8, 0x1.73101e591308dp-11, -0x1.39084cb136dcdp-11,
         0x1.7ba125b91f562p-15, 0x1.0cac73afbaf2ap-14, -0x1.af8ae2ac6007cp-17,
         -0x1.0bcae42f890bbp-17, 0x1.1c90249e4da77p-19, 0x1.544159e81f430p-20,
         -0x1.28de989151d0ap-22, -0x1.170a00efc37ccp-22,
         -0x1.58a16b478d7d2p-25});
    D e = exp(m.dSub(m.d(0.0), m.dMul(u, u)));
    D large = m.dFma(m.dSub(m.d(0.0), e), q, m.d(1.0));
    D result = m.dSelect(m.dLessThan(t, m.d(0.84)), small, large);
    return m.dSelect(m.dIsNaN(x), x, copySign(result, x));
  }

  /// Sine and cosine, 2 ULP for |x| <= 2^48; larger x counts as 0.
  D sin(D x) { return sineOrCosine(x, /*quarterTurns=*/0); }
  D cos(D x) { return sineOrCosine(x, /*quarterTurns=*/1); }

  /// x^y with the special values of C's pow; 1 ULP.
  D pow(D x, D y) {
    D a = absolute(x);
    // 2^(y log2(a)), the exponent in two parts.
    Pair logarithm = log2(a);
    D high = m.dMul(y, logarithm.high);
    D low = m.dFma(y, logarithm.low,
                   m.dFma(y, logarithm.high, m.dSub(m.d(0.0), high)));
    D bounded = clamp(high, -1100.0, 1100.0);
    low = m.dSelect(m.dEqual(high, bounded), low, m.d(0.0));
    D n = m.dRoundEven(bounded);
    D rest = m.dSub(bounded, n);
    Pair r = product(rest, m.d(ln2High));
    r.low = m.dFma(rest, m.d(ln2Low), m.dFma(low, m.d(ln2High), r.low));
    r = plus(r.high, {r.low, m.d(0.0)});
    D tail = m.dFma(m.dMul(r.high, r.high), exponentialSeries(r.high), r.low);
    D magnitude = scaled(sum(m.d(1.0), r.high, tail), n);

    M yIsInteger = m.dEqual(m.dRoundEven(y), y);
    D halfY = m.dMul(y, m.d(0.5));
    M yIsEven = m.dEqual(m.dRoundEven(halfY), halfY);
    D signedMagnitude =
        m.dSelect(yIsEven, magnitude, copySign(magnitude, x));
    D result = m.dSelect(yIsInteger, signedMagnitude, magnitude);
    // A finite negative base needs an integer exponent.
    M isNegative =
        m.both(m.dLessThan(x, m.d(0.0)), m.dLessThan(a, m.d(inf)));
    D ofNegative = m.dSelect(yIsInteger, result, quietNaN());
    result = m.dSelect(isNegative, ofNegative, result);
    M isNaN = m.either(m.dIsNaN(x), m.dIsNaN(y));
    result = m.dSelect(isNaN, quietNaN(), result);
    M minusOneToInf =
        m.both(m.dEqual(a, m.d(1.0)), m.dEqual(absolute(y), m.d(inf)));
    M one = m.either(m.either(m.dEqual(x, m.d(1.0)), m.dEqual(y, m.d(0.0))),
                     minusOneToInf);
    return m.dSelect(one, m.d(1.0), result);
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

protected: // for DoubleElementarySequences
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
    return {n, r, m.dFma(m.dMul(r, r), exponentialSeries(r), low)};
  }
  /// (e^r - 1 - r) / r^2 for |r| <= (ln 2) / 2.
  D exponentialSeries(D r) {
    return polynomial(r, {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720,
                          1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
                          1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800});
  }
  /// x * 2^n, in two factors, since n may leave the exponents of normal numbers.
  D scaled(D x, D n) {
    D half = m.dFloor(m.dMul(n, m.d(0.5)));
    return m.dMul(m.dMul(x, powerOfTwo(half)), powerOfTwo(m.dSub(n, half)));
  }

  struct Split {
    D exponent; // an integer
    D mantissa; // from sqrt(1/2) to its double
  };
  /// x = mantissa * 2^exponent for positive finite x, denormals included.
  Split splitPositive(D x) {
    M denormal = m.dLessThan(x, m.d(0x1p-1022));
    D normal = m.dSelect(denormal, m.dMul(x, m.d(0x1p54)), x);
    L bits = m.dBits(normal);
    L shift = m.lShiftRightSigned(m.lSub(bits, m.l(0x3fe6a09e667f3bcd)), 52);
    D exponent = m.dAdd(smallToDouble(shift),
                        m.dSelect(denormal, m.d(-54.0), m.d(0.0)));
    return {exponent, m.dFromBits(m.lSub(bits, m.lShiftLeft(shift, 52)))};
  }

  /// The number high + low, |low| at most half a unit of high.
  struct Pair {
    D high, low;
  };
  /// a * b, the rounding in `low`.
  Pair product(D a, D b) {
    D high = m.dMul(a, b);
    return {high, m.dFma(a, b, m.dSub(m.d(0.0), high))};
  }
  Pair product(Pair a, Pair b) {
    Pair p = product(a.high, b.high);
    return {p.high, m.dFma(a.high, b.low, m.dFma(a.low, b.high, p.low))};
  }
  /// a + b where |a| >= |b| or a = 0.
  Pair plus(D a, Pair b) {
    D high = m.dAdd(a, b.high);
    return {high, m.dAdd(m.dAdd(m.dSub(a, high), b.high), b.low)};
  }
  /// log2(a) with some 64 bits; of 0 and infinity that of C's log2.
  Pair log2(D a) {
    auto [exponent, mantissa] = splitPositive(a);
    // 2 atanh(s) / ln 2, s = f / (2 + f), each in two parts.
    D f = m.dSub(mantissa, m.d(1.0));
    D divisor = m.dAdd(mantissa, m.d(1.0));
    D divisorLow = m.dSub(mantissa, m.dSub(divisor, m.d(1.0)));
    D inverse = m.dDiv(m.d(1.0), divisor);
    D high = m.dMul(f, inverse), minus = m.dSub(m.d(0.0), high);
    D rest = m.dFma(minus, divisorLow, m.dFma(minus, divisor, f));
    Pair s{high, m.dMul(rest, inverse)};
    Pair z = product(s, s);
    // 1 + z / 3 + z^2 (1 / 5 + ..).
    D series = polynomial(z.high, {1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11,
                                   1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19,
                                   1.0 / 21, 1.0 / 23});
    series = m.dMul(m.dMul(z.high, z.high), series);
    Pair third{m.d(1.0 / 3), m.d(0x1.5555555555555p-56)};
    Pair cubic = product(z, third);
    Pair factor = plus(m.d(1.0), plus(cubic.high, {series, cubic.low}));
    Pair scale{m.d(0x1.71547652b82fep+1), m.d(0x1.777d0ffda0d24p-55)};
    Pair logarithm = plus(exponent, product(product(s, factor), scale));
    D zero = m.d(0.0);
    logarithm.low = m.dSelect(m.dLessThan(zero, a), logarithm.low, zero);
    logarithm.low = m.dSelect(m.dLessThan(a, m.d(inf)), logarithm.low, zero);
    logarithm.high = m.dSelect(m.dLessThan(zero, a), logarithm.high, m.d(-inf));
    logarithm.high =
        m.dSelect(m.dLessThan(a, m.d(inf)), logarithm.high, m.d(inf));
    return logarithm;
  }

  D sineOrCosine(D x, int quarterTurns) {
    // Beyond 2^48 the quarter count no longer fits; comparison drops NaN too.
    M reducible = m.dLessThan(absolute(x), m.d(0x1p48));
    D d = m.dSelect(reducible, x, m.d(0.0));
    // x - n * pi / 2, pi / 2 in three parts: the first difference is exact.
    D n = m.dRoundEven(m.dMul(d, m.d(0x1.45f306dc9c883p-1)));
    D first = m.dFma(n, m.d(-0x1.921fb54442d18p+0), d);
    Pair second = product(n, m.d(-0x1.1a62633145c07p-54));
    D r = m.dAdd(first, second.high);
    // What the sum rounds off, whichever is larger.
    D taken = m.dSub(r, first);
    D low = m.dAdd(m.dSub(first, m.dSub(r, taken)),
                   m.dSub(second.high, taken));
    low = m.dAdd(low, m.dFma(n, m.d(0x1.f1976b7ed8fbcp-110), second.low));

    D z = m.dMul(r, r), half = m.dMul(z, m.d(0.5));
    D series = polynomial(
        z, {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
            1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000});
    D sine = m.dFma(low, m.dSub(m.d(1.0), half), m.dMul(m.dMul(r, z), series));
    sine = m.dAdd(r, sine);
    series = polynomial(
        z, {1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600,
            -1.0 / 87178291200, 1.0 / 20922789888000,
            -1.0 / 6402373705728000});
    D cosine = m.dSub(m.d(1.0), half);
    D lost = m.dSub(m.dSub(m.d(1.0), cosine), half);
    D more = m.dSub(m.dMul(m.dMul(z, z), series), m.dMul(r, low));
    cosine = m.dAdd(cosine, m.dAdd(lost, more));

    // The quarter is n modulo 4.
    D turn = m.dFma(m.dFloor(m.dMul(n, m.d(0.25))), m.d(-4.0), n);
    turn = m.dAdd(turn, m.d(double(quarterTurns)));
    turn = m.dSelect(m.dLessThan(turn, m.d(4.0)), turn, m.d(0.0));
    M isSecondHalf = m.dLessThan(m.d(1.5), turn);
    D within = m.dSelect(isSecondHalf, m.dSub(turn, m.d(2.0)), turn);
    D value = m.dSelect(m.dLessThan(m.d(0.5), within), cosine, sine);
    D result = m.dSelect(isSecondHalf, m.dSub(m.d(0.0), value), value);
    if (quarterTurns == 0) // sin(-0) = -0
      result = m.dSelect(m.dEqual(x, m.d(0.0)), x, result);
    M infinite = m.dEqual(absolute(x), m.d(inf));
    result = m.dSelect(infinite, quietNaN(), result);
    return m.dSelect(m.dIsNaN(x), x, result);
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
