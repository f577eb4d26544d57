// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layout of BitPacking.h.
#include "lib/Numerics/BitPacking.h"

namespace qopt::numerics {

std::vector<uint8_t> packBits(std::span<const uint8_t> codes, unsigned bits) {
  std::vector<uint8_t> packed(packedBytes(int64_t(codes.size()), bits), 0);
  unsigned mask = (1u << bits) - 1;
  for (size_t i = 0; i < codes.size(); ++i) {
    size_t position = i * bits;
    unsigned shifted = (codes[i] & mask) << (position % 8);
    packed[position / 8] |= uint8_t(shifted);
    if (shifted > 0xff)
      packed[position / 8 + 1] |= uint8_t(shifted >> 8);
  }
  return packed;
}

std::vector<uint8_t> unpackBits(std::span<const uint8_t> packed,
                                int64_t elements, ElementFormat element) {
  std::vector<uint8_t> codes(elements);
  unsigned bits = element.bits, mask = (1u << bits) - 1;
  for (int64_t i = 0; i < elements; ++i) {
    size_t position = size_t(i) * bits;
    unsigned window = packed[position / 8];
    if (position / 8 + 1 < packed.size())
      window |= unsigned(packed[position / 8 + 1]) << 8;
    unsigned code = (window >> (position % 8)) & mask;
    if (element.isSigned() && (code >> (bits - 1)))
      code |= ~mask;
    codes[i] = uint8_t(code);
  }
  return codes;
}

} // namespace qopt::numerics
