// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One element of any format: a scaled value to its code and back. The value of
// a code before scaling is exact in f32.
#pragma once
#include "lib/Numerics/FormatSpec.h"

namespace qopt::numerics {

class ElementCodec {
public:
  explicit ElementCodec(ElementFormat element);

  // The code whose value is nearest to `scaled`; a tie goes to the even code.
  // Beyond the range saturates. NaN gives the code of zero (`zeroPoint` for
  // integers). `zeroPoint` must be 0 for other elements.
  uint8_t encode(float scaled, int zeroPoint = 0) const;

  // value(code) - zeroPoint for integers, the table's value otherwise.
  float decode(uint8_t code, int zeroPoint = 0) const;

private:
  ElementFormat element;
  // Finite values ascending, with their codes; empty for integers.
  std::vector<float> values;
  std::vector<uint8_t> codes;
  std::span<const float> table;
};

} // namespace qopt::numerics
