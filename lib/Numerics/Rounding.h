// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place where qopt rounds, and its 16-bit float conversions.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace qopt::numerics {

// To the nearest integer, ties to even, for |value| <= 2^22; larger values
// (and NaN) are returned unchanged or as integers they already are. Adding
// 1.5 * 2^23 pushes the fraction out of the mantissa, which rounds it in the
// mode of the machine: to nearest even.
inline float roundEven(float value) {
  constexpr float magic = 12582912.0f;
  if (!(std::fabs(value) <= 4194304.0f))
    return std::nearbyint(value);
  // Zero keeps its sign, as nearbyint does.
  float rounded = (value + magic) - magic;
  return std::copysign(rounded, value);
}

// f32 <-> f16 (IEEE binary16), to nearest even.
inline uint16_t toHalf(float value) {
  return std::bit_cast<uint16_t>(_Float16(value));
}
inline float fromHalf(uint16_t bits) {
  return float(std::bit_cast<_Float16>(bits));
}
inline float roundToHalf(float value) { return fromHalf(toHalf(value)); }

} // namespace qopt::numerics
