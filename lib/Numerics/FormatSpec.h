// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A number format as data: how one element is coded and how it is scaled. The
// lowbit dialect's type wraps this struct; encoders, decoders, packers and
// emitters read it. It is trivially copyable so that a type can own it.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace qopt::numerics {

// How one element is coded.
//
//   int<N>, uint<N>   N in 1..8, value = code
//   float<"name">     a minifloat of the table in FormatTables.cpp
//   codebook<"name">  a list of values of the table in FormatTables.cpp
//
// A code is held in one byte: two's complement for int, unsigned otherwise.
struct ElementFormat {
  enum class Kind : uint8_t { Int, UInt, Float, Codebook };

  Kind kind = Kind::Int;
  uint8_t bits = 8;
  // Row of the minifloat or codebook table; 0 for integers.
  uint8_t row = 0;

  static ElementFormat makeInt(unsigned bits) {
    return {Kind::Int, uint8_t(bits), 0};
  }
  static ElementFormat makeUInt(unsigned bits) {
    return {Kind::UInt, uint8_t(bits), 0};
  }

  bool isInteger() const { return kind == Kind::Int || kind == Kind::UInt; }
  bool isSigned() const { return kind == Kind::Int; }
  // Smallest and largest code, e.g. int<4>: -8 and 7.
  int minCode() const { return isSigned() ? -(1 << (bits - 1)) : 0; }
  int maxCode() const {
    return isSigned() ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
  }
  // Largest magnitude a symmetric scale maps absmax to: 127 for int<8>, 7 for
  // int<4>, 6 for float<e2m1fn>, 1 for codebook<nf4>. int<1> has only -1 and 0.
  float symmetricLimit() const;

  bool operator==(const ElementFormat &) const = default;
};

// What shares one scale.
//
//   Tensor   one scale                                scales: []
//   Channel  one for each slice of `axis`             scales: [dim(axis)]
//   Row      one for each slice of the last axis      scales: [..., 1]
//   Block    one for each block                       scales: ceil(dim / block)
enum class Granularity : uint8_t { Tensor, Channel, Row, Block };

enum class ScaleType : uint8_t { F32, F16 };
enum class RealType : uint8_t { F32, F16, BF16 };

struct FormatSpec {
  static constexpr unsigned maxRank = 8;

  ElementFormat element;
  Granularity granularity = Granularity::Tensor;
  ScaleType scale = ScaleType::F32;
  RealType of = RealType::F32; // What decode yields.
  bool zeroPoint = false;      // Zero points have the element's code range.
  uint8_t axis = 0;            // Of Channel.
  uint8_t blockRank = 0;       // Of Block: the tensor's rank.
  std::array<int32_t, maxRank> block{}; // Extent along each axis.

  bool operator==(const FormatSpec &) const = default;

  static FormatSpec perTensor(ElementFormat element, bool zeroPoint = false);
  static FormatSpec perChannel(ElementFormat element, unsigned axis);
  static FormatSpec perRow(ElementFormat element, bool zeroPoint = false);
  // Blocks of `size` along `axis` of a tensor of `rank` axes.
  static FormatSpec blocked(ElementFormat element, unsigned rank, unsigned axis,
                            int32_t size, ScaleType scale);

  std::span<const int32_t> blockShape() const {
    return {block.data(), blockRank};
  }
  // The one axis along which a block is longer than 1; nothing if there are
  // several or none.
  std::optional<unsigned> blockAxis() const;

  // The shape of the scales (and zero points) of a tensor of `shape`. Dynamic
  // sizes (negative) stay dynamic.
  std::vector<int64_t> scaleShape(std::span<const int64_t> shape) const;

  // Empty when the format fits a tensor of this rank, otherwise what is wrong.
  std::string verify(unsigned rank) const;

  // Bits an element takes, its share of scale and zero point included, in a
  // tensor of `shape` (static).
  double bitsPerElement(std::span<const int64_t> shape) const;
};
static_assert(std::is_trivially_copyable_v<FormatSpec>);

// Found by argument-dependent lookup from llvm::hash_combine.
size_t hash_value(const ElementFormat &element);
size_t hash_value(const FormatSpec &spec);

// "int<4>", "float<e4m3fn>", "codebook<nf4>".
std::string toString(ElementFormat element);
// "int<4>, block = [1, 32], scale = f16"; what is default is not printed:
//   element [, axis = N | , row | , block = [..]] [, scale = f16]
//   [, zero_point] [, of = f16]
std::string toString(const FormatSpec &spec);

// Inverse of toString; on failure nothing, and `error` says why.
std::optional<ElementFormat> parseElementFormat(std::string_view text,
                                                std::string &error);
std::optional<FormatSpec> parseFormatSpec(std::string_view text,
                                          std::string &error);

// The same from pieces, for parsers with a lexer of their own: keyword "int",
// "uint", "float" or "codebook" and the text between the angle brackets.
std::optional<ElementFormat> makeElementFormat(std::string_view keyword,
                                               std::string_view parameter,
                                               std::string &error);

} // namespace qopt::numerics
