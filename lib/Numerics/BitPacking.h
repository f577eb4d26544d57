// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Codes, one a byte, packed densely and back.
//
// Element i occupies bits [i * N, (i + 1) * N) of a little-endian bit string:
//   4 bits: byte(i) = i / 2, even element in the low nibble,
//           e.g. codes 1, 2, -1 -> bytes 0x21, 0x0f
//   3 bits: elements straddle bytes, e.g. codes 1, 2, 3 -> bytes 0xd1, 0x00
#pragma once
#include "lib/Numerics/FormatSpec.h"

namespace qopt::numerics {

inline int64_t packedBytes(int64_t elements, unsigned bits) {
  return (elements * bits + 7) / 8;
}
std::vector<uint8_t> packBits(std::span<const uint8_t> codes, unsigned bits);
// Sign-extends codes of a signed element.
std::vector<uint8_t> unpackBits(std::span<const uint8_t> packed,
                                int64_t elements, ElementFormat element);

} // namespace qopt::numerics
