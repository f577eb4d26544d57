// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementary functions against long double over a spread of all bit patterns.

#include "lib/Numerics/Math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

// Distance in units of the last place of the rounded exact value.
double ulps(float actual, long double exact) {
  float rounded = static_cast<float>(exact);
  if (std::isnan(rounded))
    return std::isnan(actual) ? 0 : inf;
  if (std::isinf(rounded) || std::isinf(actual))
    return actual == rounded || std::fabs(exact) > 3.4028234e38L ? 0 : inf;
  long double unit = std::fmax(
      std::ldexp(1.0L, std::ilogb(rounded == 0 ? 1e-45f : rounded) - 23),
      0x1p-149L);
  return static_cast<double>(std::fabs((actual - exact) / unit));
}

// Every |step|-th bit pattern of f32 whose value lies in [low, high].
template <class Function, class Exact>
double worst(Function function, Exact exact, float low, float high,
             uint32_t step) {
  double worst = 0;
  for (uint64_t bits = 0; bits < (1ull << 32); bits += step) {
    float x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (!(x >= low && x <= high))
      continue;
    worst = std::fmax(worst, ulps(function(x), exact((long double)x)));
  }
  return worst;
}

template <class Exact>
double worst(float (*function)(float), Exact exact, float low, float high,
             uint32_t step) {
  return worst([=](float x) { return function(x); }, exact, low, high, step);
}

constexpr uint32_t step = 6151; // prime: hits every exponent and sign

TEST(Math, Exp) {
  EXPECT_LE(worst(
                numerics::exp, [](long double x) { return std::exp(x); }, -inf,
                inf, step),
            1.0);
}
TEST(Math, Log) {
  EXPECT_LE(worst(
                numerics::log, [](long double x) { return std::log(x); }, 0,
                inf, step),
            1.0);
}
TEST(Math, Erf) {
  EXPECT_LE(worst(
                numerics::erf, [](long double x) { return std::erf(x); }, -inf,
                inf, step),
            1.0);
}
TEST(Math, Tanh) {
  EXPECT_LE(worst(
                numerics::tanh, [](long double x) { return std::tanh(x); },
                -inf, inf, step),
            2.0);
}
TEST(Math, Sigmoid) {
  auto exact = [](long double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LE(worst(numerics::sigmoid, exact, -inf, inf, step), 2.0);
}
TEST(Math, SinCos) {
  float limit = 0x1p48f;
  EXPECT_LE(worst(
                numerics::sin, [](long double x) { return std::sin(x); },
                -limit, limit, step),
            2.0);
  EXPECT_LE(worst(
                numerics::cos, [](long double x) { return std::cos(x); },
                -limit, limit, step),
            2.0);
}
TEST(Math, Pow) {
  for (float y : {2.0f, -1.0f, 0.5f, 3.0f, -2.5f, 10.1f, 0.001f, 37.0f})
    EXPECT_LE(worst([&](float x) { return numerics::pow(x, y); },
                    [&](long double x) { return std::pow(x, (long double)y); },
                    y == std::nearbyint(y) ? -inf : 0, inf, step * 7),
              1.0)
        << y;
  for (float x : {0.5f, 2.0f, 1.0001f, 10000.0f})
    EXPECT_LE(worst([&](float y) { return numerics::pow(x, y); },
                    [&](long double y) { return std::pow((long double)x, y); },
                    -inf, inf, step * 7),
              1.0)
        << x;
}

TEST(Math, CircularAndHyperbolic) {
  EXPECT_LE(worst(
                numerics::asin, [](long double x) { return std::asin(x); },
                -1, 1, step),
            1.0);
  EXPECT_LE(worst(
                numerics::acos, [](long double x) { return std::acos(x); },
                -1, 1, step),
            1.0);
  EXPECT_LE(worst(
                numerics::atan, [](long double x) { return std::atan(x); },
                -inf, inf, step),
            1.0);
  EXPECT_LE(worst(
                numerics::sinh, [](long double x) { return std::sinh(x); },
                -inf, inf, step),
            1.0);
  EXPECT_LE(worst(
                numerics::cosh, [](long double x) { return std::cosh(x); },
                -inf, inf, step),
            1.0);
  EXPECT_LE(worst(
                numerics::asinh, [](long double x) { return std::asinh(x); },
                -inf, inf, step),
            1.0);
  EXPECT_LE(worst(
                numerics::acosh, [](long double x) { return std::acosh(x); },
                1, inf, step),
            1.0);
  EXPECT_LE(worst(
                numerics::atanh, [](long double x) { return std::atanh(x); },
                -1, 1, step),
            1.0);
  EXPECT_TRUE(std::isnan(numerics::asin(1.5f)));
  EXPECT_TRUE(std::isnan(numerics::acosh(0.5f)));
  EXPECT_TRUE(std::isnan(numerics::atanh(-2.0f)));
  EXPECT_TRUE(std::signbit(numerics::asinh(-0.0f)));
}

// C's fmod is exact, so there is one right answer.
template <typename T> void expectRemainders(std::initializer_list<T> values) {
  for (T x : values)
    for (T y : values)
      for (T a : {x, -x}) {
        T expected = std::fmod(a, y), found = numerics::remainder(a, y);
        if (std::isnan(expected)) {
          EXPECT_TRUE(std::isnan(found)) << a << " mod " << y;
          continue;
        }
        EXPECT_EQ(found, expected) << a << " mod " << y;
        EXPECT_EQ(std::signbit(found), std::signbit(expected));
      }
}
TEST(Math, Remainder) {
  expectRemainders<float>({0.0f, 1e-45f, 1e-38f, 0.1f, 1.0f, 1.5f, 3.0f, 7.7f,
                           1e10f, 3.4e38f, inf, -3.0f, 16777216.0f, NAN});
}

// The exact remainder of doubles may take 2,100 quotient bits.
TEST(Math, RemainderOfDoubles) {
  expectRemainders<double>({0.0, 5e-324, 1e-300, 0.1, 1.0, 1.5, 3.0, 7.7, 1e10,
                            1e17, 1.7e308, (double)inf, -3.0, 0x1p53,
                            (double)NAN});
}

// Of doubles: against long double, which has 11 bits more.
double doubleUlps(double actual, long double exact) {
  double rounded = static_cast<double>(exact);
  if (std::isnan(rounded))
    return std::isnan(actual) ? 0 : inf;
  if (std::isinf(rounded) || std::isinf(actual))
    return actual == rounded || std::fabs(exact) > 1.79769e308L ? 0 : inf;
  int exponent = rounded == 0 ? -1074 : std::ilogb(rounded);
  long double unit =
      std::fmax(std::ldexp(1.0L, exponent - 52), 0x1p-1074L);
  return static_cast<double>(std::fabs((actual - exact) / unit));
}
double worst(double (*function)(double), long double (*exact)(long double),
             double low, double high) {
  // Bit patterns all over, and numbers evenly between moderate bounds.
  double worst = 0;
  auto check = [&](double x) {
    if (x >= low && x <= high)
      worst = std::fmax(worst, doubleUlps(function(x), exact(x)));
  };
  uint64_t bits = 1;
  for (int i = 0; i < 400000; ++i) {
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    check(std::bit_cast<double>(bits));
    double fraction = double(bits >> 11) * 0x1p-53;
    for (double bound : {1.0, 3.0, 40.0, 760.0})
      check(bound * (2 * fraction - 1));
  }
  return worst;
}
TEST(Math, Doubles) {
  double all = std::numeric_limits<double>::infinity();
  EXPECT_LE(worst(numerics::exp, expl, -all, all), 1.0);
  EXPECT_LE(worst(numerics::log, logl, 0, all), 1.0);
  EXPECT_LE(worst(numerics::tanh, tanhl, -all, all), 2.0);
  EXPECT_LE(worst(numerics::erf, erfl, -all, all), 2.0);
  EXPECT_LE(worst(numerics::sin, sinl, -1e9, 1e9), 1.0);
  EXPECT_LE(worst(numerics::cos, cosl, -1e9, 1e9), 1.0);
  auto sigmoid = [](long double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LE(worst(numerics::sigmoid, sigmoid, -all, all), 2.0);
  // Small powers: a long double of a large one is no better than the double.
  auto power = [](double x) { return numerics::pow(std::fabs(x), 1.7); };
  auto exact = [](long double x) { return powl(std::fabs(x), 1.7); };
  EXPECT_LE(worst(power, exact, -100, 100), 1.0);
}
TEST(Math, CircularAndHyperbolicDoubles) {
  double all = std::numeric_limits<double>::infinity();
  EXPECT_LE(worst(numerics::asin, asinl, -1, 1), 3.0);
  EXPECT_LE(worst(numerics::acos, acosl, -1, 1), 3.0);
  EXPECT_LE(worst(numerics::atan, atanl, -all, all), 3.0);
  EXPECT_LE(worst(numerics::sinh, sinhl, -all, all), 3.0);
  EXPECT_LE(worst(numerics::cosh, coshl, -all, all), 3.0);
  EXPECT_LE(worst(numerics::asinh, asinhl, -all, all), 3.0);
  EXPECT_LE(worst(numerics::acosh, acoshl, 1, all), 3.0);
  EXPECT_LE(worst(numerics::atanh, atanhl, -1, 1), 3.0);
  EXPECT_TRUE(std::isnan(numerics::asin(1.5)));
  EXPECT_TRUE(std::isnan(numerics::acos(-1.5)));
  EXPECT_TRUE(std::isnan(numerics::acosh(0.5)));
  EXPECT_TRUE(std::isnan(numerics::atanh(-2.0)));
  EXPECT_TRUE(std::signbit(numerics::asinh(-0.0)));
}
TEST(Math, PowOfDoublesHasSpecialValuesOfC) {
  const double values[] = {0.0,      -0.0,      1,        -1,   2.0, -2.0,
                           0.5,      -0.5,      3.0,      -3.0, 2.5, 1e-310,
                           INFINITY, -INFINITY, 0x1p52,   0x1p52 + 1,
                           0x1p53,   1e300,     -1e300,   NAN};
  for (double x : values)
    for (double y : values) {
      double found = numerics::pow(x, y), expected = std::pow(x, y);
      EXPECT_EQ(std::isnan(found), std::isnan(expected)) << x << " ^ " << y;
      if (std::isnan(expected))
        continue;
      EXPECT_LE(doubleUlps(found, expected), 1.0) << x << " ^ " << y;
      EXPECT_EQ(std::signbit(found), std::signbit(expected));
    }
}
TEST(Math, SpecialValuesOfDoubles) {
  double all = std::numeric_limits<double>::infinity();
  EXPECT_EQ(numerics::exp(all), all);
  EXPECT_EQ(numerics::exp(-all), 0);
  EXPECT_EQ(numerics::exp(0.0), 1);
  EXPECT_EQ(numerics::log(0.0), -all);
  EXPECT_EQ(numerics::log(1.0), 0);
  EXPECT_EQ(numerics::log(all), all);
  EXPECT_TRUE(std::isnan(numerics::log(-1.0)));
  EXPECT_EQ(numerics::tanh(-all), -1);
  EXPECT_TRUE(std::signbit(numerics::tanh(-0.0)));
  EXPECT_EQ(numerics::sigmoid(all), 1);
  EXPECT_EQ(numerics::sigmoid(-all), 0);
  for (double (*function)(double) :
       std::initializer_list<double (*)(double)>{
           numerics::exp, numerics::log, numerics::tanh, numerics::sigmoid,
           numerics::erf, numerics::sin, numerics::cos})
    EXPECT_TRUE(std::isnan(function(std::nan(""))));
}

TEST(Math, SpecialValues) {
  EXPECT_EQ(numerics::exp(inf), inf);
  EXPECT_EQ(numerics::exp(-inf), 0);
  EXPECT_EQ(numerics::exp(0.0f), 1);
  EXPECT_EQ(numerics::log(0.0f), -inf);
  EXPECT_EQ(numerics::log(1.0f), 0);
  EXPECT_EQ(numerics::log(inf), inf);
  EXPECT_TRUE(std::isnan(numerics::log(-1.0f)));
  EXPECT_EQ(numerics::erf(inf), 1);
  EXPECT_EQ(numerics::tanh(-inf), -1);
  EXPECT_EQ(numerics::sigmoid(-inf), 0);
  EXPECT_EQ(numerics::sigmoid(inf), 1);
  EXPECT_TRUE(std::isnan(numerics::sin(inf)));
  EXPECT_TRUE(std::signbit(numerics::erf(-0.0f)));
  EXPECT_TRUE(std::signbit(numerics::tanh(-0.0f)));
  EXPECT_TRUE(std::signbit(numerics::sin(-0.0f)));
}

TEST(Math, PowSpecialValuesAreThoseOfC) {
  const float values[] = {0.0f, -0.0f, 1.0f,   -1.0f,   2.0f,    -2.0f,
                          0.5f, -0.5f, 3.0f,   -3.0f,   2.5f,    -2.5f,
                          inf,  -inf,  1e-40f, 0x1p24f, 0x1p25f, std::nanf("")};
  for (float x : values)
    for (float y : values) {
      float actual = numerics::pow(x, y), expected = std::pow(x, y);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(actual)) << x << " ^ " << y;
        continue;
      }
      EXPECT_EQ(actual, expected) << x << " ^ " << y;
      EXPECT_EQ(std::signbit(actual), std::signbit(expected))
          << x << " ^ " << y;
    }
}

TEST(Math, NaNReturnsItself) {
  for (uint32_t bits : {0x7fc00000u, 0xffc00123u, 0x7fffffffu}) {
    float x = std::bit_cast<float>(bits);
    for (float (*function)(float) :
         std::initializer_list<float (*)(float)>{
             numerics::exp, numerics::log, numerics::erf, numerics::tanh,
             numerics::sigmoid, numerics::sin, numerics::cos})
      EXPECT_EQ(std::bit_cast<uint32_t>(function(x)), bits);
  }
}

} // namespace
