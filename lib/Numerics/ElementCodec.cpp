// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nearest-value search for the formats given by a table.
#include "lib/Numerics/ElementCodec.h"
#include "lib/Numerics/FormatTables.h"
#include "lib/Numerics/Quantize.h"
#include <numeric>

namespace qopt::numerics {

ElementCodec::ElementCodec(ElementFormat element) : element(element) {
  if (element.isInteger())
    return;
  table = valuesOf(element);
  std::vector<uint8_t> order;
  for (size_t code = 0; code < table.size(); ++code)
    // Negative zero is never produced: it decodes like zero.
    if (std::isfinite(table[code]) &&
        !(table[code] == 0 && std::signbit(table[code])))
      order.push_back(uint8_t(code));
  std::sort(order.begin(), order.end(), [&](uint8_t a, uint8_t b) {
    return table[a] != table[b] ? table[a] < table[b] : a < b;
  });
  for (uint8_t code : order) {
    values.push_back(table[code]);
    codes.push_back(code);
  }
}

uint8_t ElementCodec::encode(float scaled, int zeroPoint) const {
  if (element.isInteger())
    return uint8_t(quantizeScaled(scaled, zeroPoint, element.minCode(),
                                  element.maxCode()));
  if (std::isnan(scaled))
    scaled = 0;
  size_t upper = size_t(std::lower_bound(values.begin(), values.end(), scaled) -
                        values.begin());
  if (upper == 0)
    return codes.front();
  if (upper == values.size())
    return codes.back();
  // Distances in double: exact for the short mantissas of a table.
  double below = double(scaled) - values[upper - 1];
  double above = double(values[upper]) - scaled;
  bool takeUpper = above < below || (above == below && codes[upper] % 2 == 0);
  return codes[takeUpper ? upper : upper - 1];
}

float ElementCodec::decode(uint8_t code, int zeroPoint) const {
  if (!element.isInteger())
    return table[code];
  int value = element.isSigned() ? int(int8_t(code)) : int(code);
  return float(value - zeroPoint);
}

} // namespace qopt::numerics
