// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic of single elements where C++ leaves a choice or a hole: NaN and
// signed zero, overflow, division by zero, conversions out of range. Folds
// compute with these; kernels compute the same bits (lib/Emission's
// PointwiseEmitter and PointwiseCast; a test runs both).

#ifndef QOPT_NUMERICS_ELEMENTARITHMETIC_H
#define QOPT_NUMERICS_ELEMENTARITHMETIC_H

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace qopt::numerics {

//===-- Order: NaN passes, and so does the zero that is x ------------------===//

template <typename T> T atLeast(T low, T x) { return x < low ? low : x; }
template <typename T> T atMost(T high, T x) { return high < x ? high : x; }
template <typename T> T relu(T x) { return atLeast(T(0), x); }
template <typename T> T clip(T x, T low, T high) {
  return atMost(high, atLeast(low, x));
}
/// NaN if either is; of equal values the second.
template <typename T> T minimum(T a, T b) { return a < b || a != a ? a : b; }
template <typename T> T maximum(T a, T b) { return b < a || a != a ? a : b; }

//===-- 64-bit integers, two's complement ----------------------------------===//

inline int64_t wrappedAdd(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) + uint64_t(b));
}
inline int64_t wrappedSub(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) - uint64_t(b));
}
inline int64_t wrappedMul(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) * uint64_t(b));
}
/// Toward zero; x / 0 = 0 and min / -1 = min.
inline int64_t wrappedDiv(int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  return b == -1 ? wrappedSub(0, a) : a / b;
}
/// x^y, wrapping; y < 0 truncates toward zero, and 0^y is 0 there.
inline int64_t wrappedPow(int64_t x, int64_t y) {
  if (y < 0 && x != 1 && x != -1)
    return 0;
  int64_t result = 1;
  for (uint64_t rest = uint64_t(y); rest; rest >>= 1, x = wrappedMul(x, x))
    if (rest & 1)
      result = wrappedMul(result, x);
  return result;
}

//===-- Conversions ---------------------------------------------------------===//

/// Toward zero; out of range the nearest integer, NaN becomes 0.
template <typename Int, typename Float> Int truncated(Float x) {
  static_assert(std::is_integral_v<Int> && std::is_floating_point_v<Float>);
  if (std::isnan(x))
    return 0;
  // The first float beyond the highest Int; Int's lowest is a float itself.
  const Float above = std::ldexp(Float(1), std::numeric_limits<Int>::digits);
  if (x >= above)
    return std::numeric_limits<Int>::max();
  if (x < Float(std::numeric_limits<Int>::min()))
    return std::numeric_limits<Int>::min();
  return Int(x);
}

} // namespace qopt::numerics

#endif // QOPT_NUMERICS_ELEMENTARITHMETIC_H
