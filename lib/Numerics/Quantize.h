// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantization of single values. Generated code states the same arithmetic and
// is compared with this file bit for bit.
//
//   quantize    q = clamp(roundeven(x * r) + zp),  r = f32(1 / scale)
//   dequantize  x = f32(q - zp) * scale
//   requantize  q = clamp(roundeven(f32(acc) * M) + zp)
//   rescale     y = (f32(acc) * scale[c]) * rowScale
//
// Clamp precedes the conversion to integer; NaN encodes as the zero point.
// ONNX QuantizeLinear divides instead: quantizeDividing.
#pragma once
#include "lib/Numerics/Rounding.h"
#include <algorithm>
#include <limits>

namespace qopt::numerics {

// `scaled` is x / scale before rounding. Clamping first equals clamping last,
// since the bounds are integers and rounding is monotone; it also keeps
// infinities out of the addition.
inline int quantizeScaled(float scaled, int zeroPoint, int minCode,
                          int maxCode) {
  if (std::isnan(scaled))
    return std::clamp(zeroPoint, minCode, maxCode);
  float clamped = std::clamp(scaled, float(minCode - zeroPoint),
                             float(maxCode - zeroPoint));
  return int(roundEven(clamped)) + zeroPoint;
}

inline int quantize(float value, float reciprocal, int zeroPoint, int minCode,
                    int maxCode) {
  return quantizeScaled(value * reciprocal, zeroPoint, minCode, maxCode);
}

inline int quantizeDividing(float value, float scale, int zeroPoint,
                            int minCode, int maxCode) {
  return quantizeScaled(value / scale, zeroPoint, minCode, maxCode);
}

// Code = int8_t or uint8_t.
template <typename Code>
Code quantize(float value, float reciprocal, int zeroPoint) {
  return Code(quantize(value, reciprocal, zeroPoint,
                       std::numeric_limits<Code>::min(),
                       std::numeric_limits<Code>::max()));
}
template <typename Code>
Code quantizeDividing(float value, float scale, int zeroPoint) {
  return Code(quantizeDividing(value, scale, zeroPoint,
                               std::numeric_limits<Code>::min(),
                               std::numeric_limits<Code>::max()));
}

inline float dequantize(int code, float scale, int zeroPoint) {
  return float(code - zeroPoint) * scale;
}

inline int requantize(int32_t accumulator, float multiplier, int zeroPoint,
                      int minCode, int maxCode) {
  return quantizeScaled(float(accumulator) * multiplier, zeroPoint, minCode,
                        maxCode);
}

// M of requantize: input scale times weight scale, over the output's scale.
inline float requantizeMultiplier(float inputScale, float weightScale,
                                  float outputScale) {
  return (inputScale * weightScale) / outputScale;
}

inline float rescale(int32_t accumulator, float scale) {
  return float(accumulator) * scale;
}
inline float rescale(int32_t accumulator, float scale, float rowScale) {
  return (float(accumulator) * scale) * rowScale;
}

// Scale and zero point of one tensor or row.
struct QuantParams {
  float scale = 1;
  int32_t zeroPoint = 0;
  bool operator==(const QuantParams &) const = default;
};

// Dynamic quantization of a row: codes within -127..127 of the zero point, which
// is 0 for int8 and 128 for uint8 codes. NaN is ignored by the maximum and
// encodes as the zero point; a row of zeros has scale 1 and reciprocal 0.
struct RowParams {
  float scale = 1, reciprocal = 0;
};
inline RowParams rowParams(const float *row, int64_t size) {
  float absmax = 0;
  for (int64_t i = 0; i < size; ++i)
    absmax = std::max(absmax, std::fabs(row[i])); // NaN loses the comparison.
  if (absmax == 0)
    return {};
  return {absmax * (1.0f / 127.0f), 127.0f / absmax};
}
inline int quantizeInRow(float value, RowParams row, int zeroPoint) {
  return quantize(value, row.reciprocal, zeroPoint, zeroPoint - 127,
                  zeroPoint + 127);
}

// Asymmetric parameters for codes minCode..maxCode covering [low, high]. The
// range is widened to hold zero, so that zero is exact; an empty range gives
// scale 1. The zero point is rounded once, the scale stays.
inline QuantParams asymmetricParams(float low, float high, int minCode,
                                    int maxCode) {
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  float scale = (high - low) / float(maxCode - minCode);
  if (!(scale >= std::numeric_limits<float>::min()) || std::isinf(scale))
    return {1.0f, std::clamp(0, minCode, maxCode)};
  float zeroPoint = roundEven(float(minCode) - low / scale);
  return {scale, int32_t(std::clamp(zeroPoint, float(minCode), float(maxCode)))};
}

// Symmetric parameters: zero point 0 for signed codes, 2^(N-1) for unsigned.
inline QuantParams symmetricParams(float absmax, int minCode, int maxCode) {
  int zeroPoint = minCode < 0 ? 0 : (maxCode + 1) / 2;
  float scale = absmax / float(maxCode - zeroPoint);
  if (!(scale >= std::numeric_limits<float>::min()) || std::isinf(scale))
    scale = 1.0f;
  return {scale, zeroPoint};
}

} // namespace qopt::numerics
