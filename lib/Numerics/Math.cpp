// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The elementary functions performed on C++ floats and doubles.

#include "lib/Numerics/Math.h"
#include "lib/Numerics/DoubleElementarySequences.h"
#include "lib/Numerics/DoubleSequences.h"
#include "lib/Numerics/ElementarySequences.h"
#include "lib/Numerics/MathSequences.h"

#include <bit>
#include <cmath>
#include <cstdint>

// Fusing a*b+c would change the stated bits.
#pragma STDC FP_CONTRACT OFF

using namespace qopt::numerics;

namespace {

struct FloatMachine {
  using F = float;
  using I = int32_t;
  using D = double;
  using L = int64_t;
  using M = bool;

  F f(float value) { return value; }
  I i(int32_t value) { return value; }
  D d(double value) { return value; }
  L l(int64_t value) { return value; }

  F add(F a, F b) { return a + b; }
  F sub(F a, F b) { return a - b; }
  F mul(F a, F b) { return a * b; }
  F div(F a, F b) { return a / b; }
  F neg(F a) { return -a; }
  F fma(F a, F b, F c) { return std::fma(a, b, c); }
  F roundEven(F a) { return std::nearbyint(a); }

  D dAdd(D a, D b) { return a + b; }
  D dSub(D a, D b) { return a - b; }
  D dMul(D a, D b) { return a * b; }
  D dDiv(D a, D b) { return a / b; }
  D dFma(D a, D b, D c) { return std::fma(a, b, c); }
  D dRoundEven(D a) { return std::nearbyint(a); }
  D dFloor(D a) { return std::floor(a); }
  D dSqrt(D a) { return std::sqrt(a); }
  M dLessThan(D a, D b) { return a < b; }
  M dEqual(D a, D b) { return a == b; }
  M dIsNaN(D a) { return a != a; }
  D dSelect(M c, D a, D b) { return c ? a : b; }
  D widen(F a) { return a; }
  F narrow(D a) { return static_cast<float>(a); }
  L dBits(D a) { return std::bit_cast<int64_t>(a); }
  D dFromBits(L a) { return std::bit_cast<double>(a); }

  I bits(F a) { return std::bit_cast<int32_t>(a); }
  F fromBits(I a) { return std::bit_cast<float>(a); }
  I toInt(F a) { return static_cast<int32_t>(a); }
  F toFloat(I a) { return static_cast<float>(a); }
  // Integers wrap.
  I iadd(I a, I b) { return static_cast<uint32_t>(a) + b; }
  I isub(I a, I b) { return static_cast<uint32_t>(a) - b; }
  I iand(I a, I b) { return a & b; }
  I ior(I a, I b) { return a | b; }
  I ixor(I a, I b) { return a ^ b; }
  I shiftLeft(I a, int by) { return static_cast<uint32_t>(a) << by; }
  I shiftRightSigned(I a, int by) { return a >> by; }
  L lAdd(L a, L b) { return static_cast<uint64_t>(a) + b; }
  L lSub(L a, L b) { return static_cast<uint64_t>(a) - b; }
  L lAnd(L a, L b) { return a & b; }
  L lOr(L a, L b) { return a | b; }
  L lShiftLeft(L a, int by) { return static_cast<uint64_t>(a) << by; }
  L lShiftRightSigned(L a, int by) { return a >> by; }

  M lessThan(F a, F b) { return a < b; }
  M equal(F a, F b) { return a == b; }
  M notEqual(F a, F b) { return a != b; }
  M isNaN(F a) { return a != a; }
  M isNonZero(I a) { return a != 0; }
  M both(M a, M b) { return a && b; }
  M either(M a, M b) { return a || b; }
  F select(M c, F a, F b) { return c ? a : b; }
};

constinit FloatMachine machine;
MathSequences<FloatMachine> sequences(machine);
ElementarySequences<FloatMachine> elementary(machine);
DoubleSequences<FloatMachine> doubles(machine);
DoubleElementarySequences<FloatMachine> doubleElementary(machine);

} // namespace

namespace qopt::numerics {

float exp(float x) { return sequences.exp(x); }
float log(float x) { return sequences.log(x); }
float erf(float x) { return sequences.erf(x); }
float tanh(float x) { return sequences.tanh(x); }
float sigmoid(float x) { return sequences.sigmoid(x); }
float sin(float x) { return sequences.sin(x); }
float cos(float x) { return sequences.cos(x); }
float pow(float x, float y) { return sequences.pow(x, y); }
float asin(float x) { return elementary.asin(x); }
float acos(float x) { return elementary.acos(x); }
float atan(float x) { return elementary.atan(x); }
float sinh(float x) { return elementary.sinh(x); }
float cosh(float x) { return elementary.cosh(x); }
float asinh(float x) { return elementary.asinh(x); }
float acosh(float x) { return elementary.acosh(x); }
float atanh(float x) { return elementary.atanh(x); }

double exp(double x) { return doubles.exp(x); }
double log(double x) { return doubles.log(x); }
double erf(double x) { return doubles.erf(x); }
double tanh(double x) { return doubles.tanh(x); }
double sigmoid(double x) { return doubles.sigmoid(x); }
double sin(double x) { return doubles.sin(x); }
double cos(double x) { return doubles.cos(x); }
double pow(double x, double y) { return doubles.pow(x, y); }
double asin(double x) { return doubleElementary.asin(x); }
double acos(double x) { return doubleElementary.acos(x); }
double atan(double x) { return doubleElementary.atan(x); }
double sinh(double x) { return doubleElementary.sinh(x); }
double cosh(double x) { return doubleElementary.cosh(x); }
double asinh(double x) { return doubleElementary.asinh(x); }
double acosh(double x) { return doubleElementary.acosh(x); }
double atanh(double x) { return doubleElementary.atanh(x); }

float remainder(float x, float y) {
  return static_cast<float>(elementary.remainder(x, y));
}
double remainder(double x, double y) { return doubles.remainder(x, y); }

} // namespace qopt::numerics
