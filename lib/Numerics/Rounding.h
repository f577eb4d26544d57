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

// f32 <-> bf16 (the upper half of an f32), to nearest even; NaN stays NaN.
inline uint16_t toBFloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return uint16_t((bits | 0x400000) >> 16);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float fromBFloat(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}
inline float roundToBFloat(float value) { return fromBFloat(toBFloat(value)); }

} // namespace qopt::numerics
