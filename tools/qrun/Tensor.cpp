// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Tensor.h"
#include <cmath>
#include <cstring>

using namespace qrun;

int64_t Tensor::elementsOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

int64_t Tensor::rowElements() const {
  if (shape.empty())
    return 1;
  return elementsOf(std::vector<int64_t>(shape.begin() + 1, shape.end()));
}

std::string Tensor::typeOf(qrt_dtype_t dtype,
                           const std::vector<int64_t> &shape) {
  std::string text = qrt_dtype_name(dtype) + std::string("[");
  for (size_t axis = 0; axis < shape.size(); ++axis)
    text += (axis ? "x" : "") +
            (shape[axis] < 0 ? "?" : std::to_string(shape[axis]));
  return text + "]";
}

static float halfToFloat(uint16_t half) {
  uint32_t exponent = half >> 10 & 31, mantissa = half & 1023;
  float value = exponent == 0 ? std::ldexp(float(mantissa), -24)
                : exponent == 31
                    ? (mantissa ? NAN : INFINITY)
                    : std::ldexp(float(mantissa + 1024), int(exponent) - 25);
  return half >> 15 ? -value : value;
}

namespace {
// Sign, exponent with a bias, mantissa.
struct NarrowFloat {
  qrt_dtype_t dtype;
  int exponentBits, mantissaBits, bias;
  bool hasInfinity; // the largest exponent: infinity and NaN
  int lowestNaN;    // magnitude from which on codes are NaN; 0: none
  bool oneZero;     // the code of -0 is NaN
};

constexpr NarrowFloat narrowFloats[] = {
    {QRT_DTYPE_F8E4M3FN, 4, 3, 7, false, 0x7f, false},
    {QRT_DTYPE_F8E4M3FNUZ, 4, 3, 8, false, 0, true},
    {QRT_DTYPE_F8E5M2, 5, 2, 15, true, 0x7d, false},
    {QRT_DTYPE_F8E5M2FNUZ, 5, 2, 16, false, 0, true},
    {QRT_DTYPE_F4E2M1, 2, 1, 1, false, 0, false},
};

double narrowToDouble(qrt_dtype_t dtype, uint8_t code) {
  if (dtype == QRT_DTYPE_F8E8M0)
    return code == 255 ? NAN : std::ldexp(1.0, int(code) - 127);
  for (const NarrowFloat &row : narrowFloats) {
    if (row.dtype != dtype)
      continue;
    int signBit = 1 << (row.exponentBits + row.mantissaBits);
    int magnitude = code & (signBit - 1);
    bool negative = code & signBit;
    if ((row.lowestNaN && magnitude >= row.lowestNaN) ||
        (row.oneZero && negative && magnitude == 0))
      return NAN;
    int exponent = magnitude >> row.mantissaBits;
    int mantissa = magnitude & ((1 << row.mantissaBits) - 1);
    double value =
        row.hasInfinity && exponent == (1 << row.exponentBits) - 1
            ? INFINITY
        : exponent == 0
            ? std::ldexp(mantissa, 1 - row.bias - row.mantissaBits)
            : std::ldexp(mantissa + (1 << row.mantissaBits),
                         exponent - row.bias - row.mantissaBits);
    return negative ? -value : value;
  }
  return 0;
}
} // namespace

unsigned qrun::bitsOf(qrt_dtype_t dtype) {
  switch (dtype) {
  case QRT_DTYPE_I2:
  case QRT_DTYPE_U2:
    return 2;
  case QRT_DTYPE_I4:
  case QRT_DTYPE_U4:
  case QRT_DTYPE_F4E2M1:
    return 4;
  default:
    return unsigned(8 * qrt_dtype_size(dtype));
  }
}

char qrun::extended(qrt_dtype_t dtype, unsigned code) {
  unsigned mask = (1u << bitsOf(dtype)) - 1, top = (mask + 1) / 2;
  bool isSigned = dtype == QRT_DTYPE_I2 || dtype == QRT_DTYPE_I4;
  code &= mask;
  return char(isSigned && (code & top) ? code | ~mask : code);
}

template <typename T> static T load(const void *data, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char *>(data) + index * sizeof(T),
              sizeof(T));
  return value;
}

double Tensor::valueAt(qrt_dtype_t dtype, const void *data, int64_t index) {
  switch (dtype) {
  case QRT_DTYPE_F32:
    return load<float>(data, index);
  case QRT_DTYPE_F16:
    return halfToFloat(load<uint16_t>(data, index));
  case QRT_DTYPE_BF16: {
    uint32_t bits = uint32_t(load<uint16_t>(data, index)) << 16;
    return load<float>(&bits, 0);
  }
  case QRT_DTYPE_F64:
    return load<double>(data, index);
  case QRT_DTYPE_I8:
  case QRT_DTYPE_I4:
  case QRT_DTYPE_I2:
    return load<int8_t>(data, index);
  case QRT_DTYPE_F8E4M3FN:
  case QRT_DTYPE_F8E4M3FNUZ:
  case QRT_DTYPE_F8E5M2:
  case QRT_DTYPE_F8E5M2FNUZ:
  case QRT_DTYPE_F8E8M0:
  case QRT_DTYPE_F4E2M1:
    return narrowToDouble(dtype, load<uint8_t>(data, index));
  case QRT_DTYPE_U8:
  case QRT_DTYPE_U4:
  case QRT_DTYPE_U2:
  case QRT_DTYPE_BOOL:
  case QRT_DTYPE_OPAQUE:
    return load<uint8_t>(data, index);
  case QRT_DTYPE_I16:
    return load<int16_t>(data, index);
  case QRT_DTYPE_U16:
    return load<uint16_t>(data, index);
  case QRT_DTYPE_I32:
    return load<int32_t>(data, index);
  case QRT_DTYPE_U32:
    return load<uint32_t>(data, index);
  case QRT_DTYPE_I64:
    return double(load<int64_t>(data, index));
  case QRT_DTYPE_U64:
    return double(load<uint64_t>(data, index));
  }
  return 0;
}

Tensor Tensor::copyOf(const char *name, const qrt_array_t &array) {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = array.dtype;
  tensor.shape.assign(array.shape, array.shape + array.rank);
  auto *bytes = static_cast<const char *>(array.data);
  tensor.data.assign(bytes, bytes + array.bytes);
  return tensor;
}

bool qrun::checkedBytes(qrt_dtype_t dtype, const std::vector<int64_t> &shape,
                        size_t &bytes) {
  bytes = qrt_dtype_size(dtype);
  if (bytes == 0 || shape.size() > QRT_MAX_RANK)
    return false;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(bytes, size_t(size), &bytes) ||
        bytes > size_t(1) << 46)
      return false;
  return true;
}

Summary qrun::summarize(const Tensor &tensor) {
  Summary summary;
  int64_t count = tensor.elements(), valid = 0;
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    double value = tensor.at(i);
    if (std::isnan(value)) {
      ++summary.nans;
      continue;
    }
    summary.min = valid ? std::fmin(summary.min, value) : value;
    summary.max = valid ? std::fmax(summary.max, value) : value;
    sum += value;
    ++valid;
  }
  summary.mean = valid ? sum / double(valid) : 0;
  return summary;
}

std::string qrun::describe(const Tensor &tensor) {
  Summary summary = summarize(tensor);
  std::string text = format("min %.6g mean %.6g max %.6g", summary.min,
                            summary.mean, summary.max);
  if (summary.nans)
    text += format(" NaN %lld", (long long)summary.nans);
  text += " |";
  int64_t count = tensor.elements();
  for (int64_t i = 0; i < count && i < 8; ++i)
    text += format(" %.6g", tensor.at(i));
  return text + (count > 8 ? " ..." : "");
}
