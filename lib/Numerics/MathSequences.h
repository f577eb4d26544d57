// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The elementary functions of f32, each written once as a fixed sequence of
// IEEE operations. A sequence is a template over the machine that performs the
// operations: Math.cpp instantiates it with C++ floats, the emitter of
// generated code with SSA values. So compiler, naive code and vector code of
// any ISA agree to the bit by construction.
//
// Coefficients are weighted minimax fits, rounded to their type from the lowest
// power up (each rounding is absorbed by refitting the higher ones).

#ifndef QOPT_NUMERICS_MATHSEQUENCES_H
#define QOPT_NUMERICS_MATHSEQUENCES_H

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace qopt::numerics {

/// `Machine` supplies the types F (f32), I (i32), D (f64), M (truth value) and
/// the operations on them, see FloatMachine in Math.cpp. Conversions to integer
/// are only asked for values that fit.
template <class Machine> class MathSequences {
  using F = typename Machine::F;
  using I = typename Machine::I;
  using D = typename Machine::D;
  using M = typename Machine::M;

public:
  explicit MathSequences(Machine &machine) : m(machine) {}

  /// e^x, 1 ULP, denormal results included.
  F exp(F x) {
    // Beyond these bounds the result is inf or 0 anyway; NaN becomes `high`.
    F bounded = clamp(x, -104.0f, 89.0f);
    auto [p, n] = expParts(bounded);
    // 2^n in two factors, since n may leave the exponent range of a normal.
    I half = m.shiftRightSigned(n, 1);
    F result = m.mul(m.mul(p, powerOfTwo(half)), powerOfTwo(m.isub(n, half)));
    return m.select(m.isNaN(x), x, result);
  }

  /// Natural logarithm, 1 ULP. log(0) = -inf, log(x < 0) = NaN.
  F log(F x) {
    auto [exponent, mantissa] = splitPositive(x, 0x3f2aaaab); // from 2/3
    F f = m.sub(mantissa, m.f(1.0f));
    F s = m.mul(f, f);
    F q = polynomial(f, {0x1.555506p-2f, -0x1.fffef8p-3f, 0x1.99d05cp-3f,
                         -0x1.559c88p-3f, 0x1.1ed452p-3f, -0x1.f3329ep-4f,
                         0x1.1e72a2p-3f, -0x1.07bff2p-3f});
    F tail = m.fma(m.mul(f, s), q, m.mul(s, m.f(-0.5f)));
    tail = m.fma(exponent, m.f(ln2Low), tail);
    F result = m.fma(exponent, m.f(ln2High), m.add(f, tail));
    result = m.select(m.lessThan(x, m.f(inf)), result, m.f(inf));
    result = m.select(m.equal(x, m.f(0.0f)), m.f(-inf), result);
    result = m.select(m.lessThan(x, m.f(0.0f)), quietNaN(), result);
    return m.select(m.isNaN(x), x, result);
  }

  /// The error function, 1 ULP.
  F erf(F x) {
    F t = absolute(x);
    // Near zero: x + x * P(x^2).
    F s = m.mul(x, x);
    F small =
        polynomial(s, {0x1.06eba6p-3f, -0x1.8126e8p-2f, 0x1.ce1ab4p-4f,
                       -0x1.b68e66p-6f, 0x1.474a0ep-8f, -0x1.3a48e4p-11f});
    small = m.fma(small, x, x);
    // Elsewhere: 1 - exp(-(t + t * Q(t))); from 4 on that is 1.
    F u = m.select(m.lessThan(t, m.f(4.0f)), t, m.f(4.0f));
    F q = polynomial(u, {0x1.0778dcp-3f, 0x1.45328ep-1f, 0x1.b32568p-4f,
                         -0x1.855122p-6f, 0x1.dd6ba8p-9f, -0x1.52795cp-12f,
                         0x1.78d114p-17f});
    F e = expNormal(m.neg(m.fma(q, u, u)));
    F large = copySign(m.sub(m.f(1.0f), e), x);
    F result = m.select(m.lessThan(t, m.f(0.921875f)), small, large);
    return m.select(m.isNaN(x), x, result);
  }

  /// Hyperbolic tangent, 2 ULP.
  F tanh(F x) {
    F t = absolute(x);
    F s = m.mul(x, x);
    F small = polynomial(s, {-0x1.55554ap-2f, 0x1.110cf0p-3f, -0x1.b91f20p-5f,
                             0x1.58ec78p-6f, -0x1.99565cp-8f});
    small = m.fma(m.mul(small, s), x, x);
    // 1 - 2 / (e^2t + 1); from 10 on that is 1.
    F u = m.select(m.lessThan(t, m.f(10.0f)), t, m.f(10.0f));
    F e = expNormal(m.add(u, u));
    F large = m.sub(m.f(1.0f), m.div(m.f(2.0f), m.add(e, m.f(1.0f))));
    // The sign last: it keeps -0.
    F result = copySign(m.select(m.lessThan(t, m.f(0.55f)), small, large), x);
    return m.select(m.isNaN(x), x, result);
  }

  /// 1 / (1 + e^-x), 2 ULP; the smaller tail keeps its relative precision.
  F sigmoid(F x) {
    F e = exp(m.neg(absolute(x)));
    F top = m.select(m.lessThan(x, m.f(0.0f)), e, m.f(1.0f));
    F result = m.div(top, m.add(e, m.f(1.0f)));
    return m.select(m.isNaN(x), x, result);
  }

  /// Sine and cosine, 2 ULP for |x| <= 2^48; larger x counts as 0.
  F sin(F x) { return sineOrCosine(x, /*quarterTurns=*/0); }
  F cos(F x) { return sineOrCosine(x, /*quarterTurns=*/1); }

  /// x^y with the special values of C's powf; 1 ULP. Evaluated in f64.
  F pow(F x, F y) {
    F a = absolute(x);
    auto [exponent, mantissa] = splitPositive(a, 0x3f3504f3); // from sqrt(1/2)
    D d = m.widen(mantissa);
    D z = m.dDiv(m.dSub(d, m.d(1.0)), m.dAdd(d, m.d(1.0)));
    D logarithm = m.dFma(z, log2Series(m.dMul(z, z)), m.widen(exponent));
    logarithm = m.dSelect(m.equal(a, m.f(0.0f)), m.d(-inf), logarithm);
    logarithm = m.dSelect(m.equal(a, m.f(inf)), m.d(inf), logarithm);
    F magnitude = exp2FromDouble(m.dMul(m.widen(y), logarithm));

    M yIsInteger = m.equal(m.roundEven(y), y);
    F halfY = m.mul(y, m.f(0.5f));
    M yIsOdd = m.both(yIsInteger, m.notEqual(m.roundEven(halfY), halfY));
    F result = m.select(yIsOdd, copySign(magnitude, x), magnitude);
    // A negative base needs an integer exponent.
    M invalid =
        m.both(m.both(m.lessThan(x, m.f(0.0f)), m.lessThan(a, m.f(inf))),
               m.notEqual(m.roundEven(y), y));
    invalid = m.either(invalid, m.either(m.isNaN(x), m.isNaN(y)));
    result = m.select(invalid, quietNaN(), result);
    M minusOneToInf =
        m.both(m.equal(a, m.f(1.0f)), m.equal(absolute(y), m.f(inf)));
    M one = m.either(m.either(m.equal(x, m.f(1.0f)), m.equal(y, m.f(0.0f))),
                     minusOneToInf);
    return m.select(one, m.f(1.0f), result);
  }

protected: // for ElementarySequences
  static constexpr float inf = std::numeric_limits<float>::infinity();
  static constexpr float log2e = 0x1.715476p+0f;
  static constexpr float ln2High = 0x1.62e430p-1f;
  static constexpr float ln2Low = -0x1.05c610p-29f;

  F quietNaN() { return m.fromBits(m.i(0x7fc00000)); }
  F absolute(F x) { return m.fromBits(m.iand(m.bits(x), m.i(0x7fffffff))); }
  F copySign(F magnitude, F sign) {
    return m.fromBits(
        m.ior(m.iand(m.bits(magnitude), m.i(0x7fffffff)),
              m.iand(m.bits(sign), m.i(std::numeric_limits<int32_t>::min()))));
  }
  /// min and max by comparison: NaN becomes `high`.
  F clamp(F x, float low, float high) {
    F below = m.select(m.lessThan(x, m.f(high)), x, m.f(high));
    return m.select(m.lessThan(below, m.f(low)), m.f(low), below);
  }
  F polynomial(F x, std::initializer_list<float> ascending) {
    auto c = ascending.end();
    F result = m.f(*--c);
    while (c != ascending.begin())
      result = m.fma(result, x, m.f(*--c));
    return result;
  }
  D dPolynomial(D x, std::initializer_list<double> ascending) {
    auto c = ascending.end();
    D result = m.d(*--c);
    while (c != ascending.begin())
      result = m.dFma(result, x, m.d(*--c));
    return result;
  }
  /// 2^n for -127 < n < 128.
  F powerOfTwo(I n) { return m.fromBits(m.shiftLeft(m.iadd(n, m.i(127)), 23)); }

  struct ExpParts {
    F fraction; // in [sqrt(1/2), sqrt(2)]
    I exponent;
  };
  /// e^x = fraction * 2^exponent, for finite |x| < 2^20.
  ExpParts expParts(F x) {
    F n = m.roundEven(m.mul(x, m.f(log2e)));
    F r = m.fma(n, m.f(-ln2High), x);
    r = m.fma(n, m.f(-ln2Low), r);
    F p = polynomial(r, {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558aep-5f,
                         0x1.123980p-7f, 0x1.6a4ecap-10f});
    p = m.fma(m.mul(r, r), p, r);
    return {m.add(p, m.f(1.0f)), m.toInt(n)};
  }
  /// e^x where x and the result are known to be normal: |x| <= 87.
  F expNormal(F x) {
    auto [p, n] = expParts(clamp(x, -87.0f, 87.0f));
    return m.fromBits(m.iadd(m.bits(p), m.shiftLeft(n, 23)));
  }

  struct Split {
    F exponent; // an integer
    F mantissa; // from the float of bits `lowest` to its double
  };
  /// x = mantissa * 2^exponent for positive finite x, denormals included.
  Split splitPositive(F x, int32_t lowest) {
    M denormal = m.lessThan(x, m.f(0x1p-126f));
    F normal = m.select(denormal, m.mul(x, m.f(0x1p23f)), x);
    I bits = m.bits(normal);
    I shift = m.shiftRightSigned(m.isub(bits, m.i(lowest)), 23);
    F exponent =
        m.add(m.toFloat(shift), m.select(denormal, m.f(-23.0f), m.f(0.0f)));
    return {exponent, m.fromBits(m.isub(bits, m.shiftLeft(shift, 23)))};
  }

  /// log2((1 + z) / (1 - z)) / z as a polynomial of s = z^2.
  D log2Series(D s) {
    return dPolynomial(s, {0x1.71547652b82fep+1, 0x1.ec709dc3a08e3p-1,
                           0x1.2776c50e4db50p-1, 0x1.a61763c684be0p-2,
                           0x1.484aa017a0823p-2, 0x1.0cb33a6640d51p-2,
                           0x1.c0f9602fcf303p-3, 0x1.d7325c0b49111p-3});
  }
  /// 2^t rounded once to f32; NaN becomes some number.
  F exp2FromDouble(D t) { return m.narrow(exp2AsDouble(t)); }
  /// 2^t for |t| <= 200, beyond as at the bound.
  D exp2AsDouble(D t) {
    D below = m.dSelect(m.dLessThan(t, m.d(200.0)), t, m.d(200.0));
    D bounded = m.dSelect(m.dLessThan(below, m.d(-200.0)), m.d(-200.0), below);
    D n = m.dRoundEven(bounded);
    D p = dPolynomial(m.dSub(bounded, n),
                      {0x1.000000000003ap+0, 0x1.62e42fefa3751p-1,
                       0x1.ebfbdff8155ccp-3, 0x1.c6b08d70d2d93p-5,
                       0x1.3b2ab72a26fe6p-7, 0x1.5d87fd8e2d4c4p-10,
                       0x1.43088fa6bd834p-13, 0x1.ffce29dd225a3p-17,
                       0x1.63ee165eeec9cp-20, 0x1.b3ef0a6f401f9p-24});
    I exponent = m.toInt(m.narrow(n));
    I half = m.shiftRightSigned(exponent, 1);
    D scaled = m.dMul(p, m.widen(powerOfTwo(half)));
    return m.dMul(scaled, m.widen(powerOfTwo(m.isub(exponent, half))));
  }

  F sineOrCosine(F x, int quarterTurns) {
    // Beyond 2^48 the quarter count no longer fits; comparison drops NaN too.
    M reducible = m.lessThan(absolute(x), m.f(0x1p48f));
    D d = m.widen(m.select(reducible, x, m.f(0.0f)));
    // x - n * pi/2 in f64, pi/2 in two parts.
    D n = m.dRoundEven(m.dMul(d, m.d(0x1.45f306dc9c883p-1)));
    D reduced = m.dFma(n, m.d(-0x1.921fb54442d18p+0), d);
    reduced = m.dFma(n, m.d(-0x1.1a62633145c07p-54), reduced);
    F r = m.narrow(reduced);
    D turns = m.dFloor(m.dMul(n, m.d(0.25)));
    I quarter = m.toInt(m.narrow(m.dFma(turns, m.d(-4.0), n)));
    quarter = m.iadd(quarter, m.i(quarterTurns));

    F s = m.mul(r, r);
    F sine = polynomial(s, {-0x1.555556p-3f, 0x1.111174p-7f, -0x1.a0595ep-13f,
                            0x1.7c3364p-19f});
    sine = m.fma(m.mul(sine, s), r, r);
    F cosine = polynomial(s, {0x1.555556p-5f, -0x1.6c175ep-10f, 0x1.a071c6p-16f,
                              -0x1.361c16p-22f});
    cosine = m.fma(cosine, m.mul(s, s), m.fma(s, m.f(-0.5f), m.f(1.0f)));
    M odd = m.isNonZero(m.iand(quarter, m.i(1)));
    I sign = m.shiftLeft(m.iand(quarter, m.i(2)), 30);
    F value = m.select(odd, cosine, sine);
    F result = m.fromBits(m.ixor(m.bits(value), sign));
    if (quarterTurns == 0) // sin(-0) = -0
      result = m.select(m.equal(x, m.f(0.0f)), x, result);
    M infinite = m.equal(absolute(x), m.f(inf));
    return m.select(m.isNaN(x), x, m.select(infinite, quietNaN(), result));
  }

  Machine &m;
};

} // namespace qopt::numerics

#endif // QOPT_NUMERICS_MATHSEQUENCES_H
