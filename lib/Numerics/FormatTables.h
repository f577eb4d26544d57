// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The formats that are not integers, one row each. A new format is a row here
// and a test.
#pragma once
#include "lib/Numerics/FormatSpec.h"

namespace qopt::numerics {

// ExMy: sign, exponent with bias 2^(x-1) - 1 unless given, mantissa.
struct MinifloatRow {
  enum class Specials : uint8_t {
    None,   // Every code is a finite number.
    NaN,    // All ones (either sign) is NaN, no infinity.
    InfNaN, // IEEE: the largest exponent holds infinity and NaN.
  };
  std::string_view name;
  uint8_t exponentBits;
  uint8_t mantissaBits;
  Specials specials;

  unsigned bits() const { return 1u + exponentBits + mantissaBits; }
};

// Values in ascending order of code; any order of value.
struct CodebookRow {
  std::string_view name;
  uint8_t bits;
  std::array<float, 16> values;
};

std::span<const MinifloatRow> minifloatRows();
std::span<const CodebookRow> codebookRows();

// The value of every code of a non-integer element, indexed by code.
std::span<const float> valuesOf(ElementFormat element);

} // namespace qopt::numerics
