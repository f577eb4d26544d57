// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows of FormatTables.h and the value tables made of them.
#include "lib/Numerics/FormatTables.h"
#include <cmath>
#include <limits>

namespace qopt::numerics {
namespace {

using Specials = MinifloatRow::Specials;

// OCP 8-bit floating point and OCP microscaling (MX) 1.0.
constexpr MinifloatRow minifloats[] = {
    {"e4m3fn", 4, 3, Specials::NaN},  {"e5m2", 5, 2, Specials::InfNaN},
    {"e2m3fn", 2, 3, Specials::None}, {"e3m2fn", 3, 2, Specials::None},
    {"e2m1fn", 2, 1, Specials::None},
};

constexpr CodebookRow codebooks[] = {
    // NormalFloat: Dettmers et al., QLoRA, appendix E.
    {"nf4",
     4,
     {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
      -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
      0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f,
      0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
      0.7229568362236023f, 1.0f}},
};

float minifloatValue(const MinifloatRow &row, unsigned code) {
  unsigned mantissaMask = (1u << row.mantissaBits) - 1;
  unsigned exponentMask = (1u << row.exponentBits) - 1;
  unsigned mantissa = code & mantissaMask;
  unsigned exponent = (code >> row.mantissaBits) & exponentMask;
  bool negative = (code >> (row.bits() - 1)) & 1;
  int bias = (1 << (row.exponentBits - 1)) - 1;

  float magnitude;
  bool top = exponent == exponentMask;
  if (row.specials == Specials::InfNaN && top)
    magnitude = mantissa ? std::numeric_limits<float>::quiet_NaN()
                         : std::numeric_limits<float>::infinity();
  else if (row.specials == Specials::NaN && top && mantissa == mantissaMask)
    magnitude = std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0)
    magnitude = std::ldexp(float(mantissa), 1 - bias - row.mantissaBits);
  else
    magnitude = std::ldexp(float(mantissa | (1u << row.mantissaBits)),
                           int(exponent) - bias - row.mantissaBits);
  return negative ? -magnitude : magnitude;
}

std::vector<std::vector<float>> makeMinifloatValues() {
  std::vector<std::vector<float>> tables;
  for (const MinifloatRow &row : minifloats) {
    std::vector<float> &values = tables.emplace_back(size_t(1) << row.bits());
    for (unsigned code = 0; code < values.size(); ++code)
      values[code] = minifloatValue(row, code);
  }
  return tables;
}

} // namespace

std::span<const MinifloatRow> minifloatRows() { return minifloats; }
std::span<const CodebookRow> codebookRows() { return codebooks; }

std::span<const float> valuesOf(ElementFormat element) {
  static const std::vector<std::vector<float>> minifloatValues =
      makeMinifloatValues();
  if (element.kind == ElementFormat::Kind::Float)
    return minifloatValues[element.row];
  const CodebookRow &row = codebooks[element.row];
  return {row.values.data(), size_t(1) << row.bits};
}

} // namespace qopt::numerics
