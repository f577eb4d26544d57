// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// FormatSpec as text and back. The same text stands in the dialect's type, in
// plan files and after --set.
#include "lib/Numerics/FormatSpec.h"
#include "lib/Numerics/FormatTables.h"
#include <charconv>

namespace qopt::numerics {
namespace {

std::string_view nameOf(ElementFormat::Kind kind) {
  switch (kind) {
  case ElementFormat::Kind::Int:
    return "int";
  case ElementFormat::Kind::UInt:
    return "uint";
  case ElementFormat::Kind::Float:
    return "float";
  case ElementFormat::Kind::Codebook:
    return "codebook";
  }
  return "";
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

std::optional<int32_t> parseInteger(std::string_view text) {
  text = trim(text);
  int32_t value = 0;
  auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

template <typename Row>
std::optional<uint8_t> findRow(std::span<const Row> rows,
                               std::string_view name) {
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i].name == name)
      return uint8_t(i);
  return std::nullopt;
}

template <typename Row> std::string listNames(std::span<const Row> rows) {
  std::string names;
  for (const Row &row : rows)
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

// Splits at commas outside brackets.
std::vector<std::string_view> splitClauses(std::string_view text) {
  std::vector<std::string_view> clauses;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      clauses.push_back(trim(text.substr(begin, i - begin)));
      begin = i + 1;
    } else if (text[i] == '[' || text[i] == '<') {
      ++depth;
    } else if (text[i] == ']' || text[i] == '>') {
      --depth;
    }
  }
  return clauses;
}

bool parseBlock(std::string_view text, FormatSpec &spec, std::string &error) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    error = "expected block = [sizes], got " + std::string(text);
    return false;
  }
  spec.granularity = Granularity::Block;
  for (std::string_view item : splitClauses(text.substr(1, text.size() - 2))) {
    std::optional<int32_t> size = parseInteger(item);
    if (!size || *size < 1 || spec.blockRank == FormatSpec::maxRank) {
      error = "expected up to 8 positive block sizes, got " + std::string(text);
      return false;
    }
    spec.block[spec.blockRank++] = *size;
  }
  return true;
}

bool parseClause(std::string_view clause, FormatSpec &spec,
                 std::string &error) {
  size_t equals = clause.find('=');
  std::string_view key = trim(clause.substr(0, equals));
  std::string_view value =
      equals == clause.npos ? "" : trim(clause.substr(equals + 1));
  bool scoped = spec.granularity != Granularity::Tensor;
  if ((key == "axis" || key == "row" || key == "block") && scoped) {
    error = "axis, row and block exclude each other";
    return false;
  }
  if (key == "block")
    return parseBlock(value, spec, error);
  if (key == "axis") {
    std::optional<int32_t> axis = parseInteger(value);
    if (!axis || *axis < 0 || *axis >= int32_t(FormatSpec::maxRank)) {
      error = "expected an axis in 0..7, got " + std::string(value);
      return false;
    }
    spec.granularity = Granularity::Channel;
    spec.axis = uint8_t(*axis);
    return true;
  }
  if (key == "scale" && (value == "f32" || value == "f16")) {
    spec.scale = value == "f16" ? ScaleType::F16 : ScaleType::F32;
    return true;
  }
  if (key == "of" && (value == "f32" || value == "f16" || value == "bf16")) {
    spec.of = value == "f32"   ? RealType::F32
              : value == "f16" ? RealType::F16
                               : RealType::BF16;
    return true;
  }
  if (clause == "row") {
    spec.granularity = Granularity::Row;
    return true;
  }
  if (clause == "zero_point") {
    spec.zeroPoint = true;
    return true;
  }
  error = "expected axis = N, row, block = [..], scale = f32|f16, zero_point "
          "or of = f32|f16|bf16, got " +
          std::string(clause);
  return false;
}

} // namespace

std::string toString(ElementFormat element) {
  std::string text = std::string(nameOf(element.kind)) + "<";
  if (element.isInteger())
    text += std::to_string(element.bits);
  else if (element.kind == ElementFormat::Kind::Float)
    text += minifloatRows()[element.row].name;
  else
    text += codebookRows()[element.row].name;
  return text + ">";
}

std::string toString(const FormatSpec &spec) {
  std::string text = toString(spec.element);
  if (spec.granularity == Granularity::Channel)
    text += ", axis = " + std::to_string(spec.axis);
  if (spec.granularity == Granularity::Row)
    text += ", row";
  if (spec.granularity == Granularity::Block) {
    text += ", block = [";
    for (unsigned i = 0; i < spec.blockRank; ++i)
      text += (i ? ", " : "") + std::to_string(spec.block[i]);
    text += "]";
  }
  if (spec.scale == ScaleType::F16)
    text += ", scale = f16";
  if (spec.zeroPoint)
    text += ", zero_point";
  if (spec.of != RealType::F32)
    text += spec.of == RealType::F16 ? ", of = f16" : ", of = bf16";
  return text;
}

std::optional<ElementFormat> makeElementFormat(std::string_view keyword,
                                               std::string_view parameter,
                                               std::string &error) {
  using Kind = ElementFormat::Kind;
  if (keyword == "int" || keyword == "uint") {
    std::optional<int32_t> bits = parseInteger(parameter);
    if (!bits || *bits < 1 || *bits > 8) {
      error = "expected 1 to 8 bits, got " + std::string(parameter);
      return std::nullopt;
    }
    return keyword == "int" ? ElementFormat::makeInt(*bits)
                            : ElementFormat::makeUInt(*bits);
  }
  if (keyword == "float") {
    if (auto row = findRow(minifloatRows(), parameter))
      return ElementFormat{Kind::Float, uint8_t(minifloatRows()[*row].bits()),
                           *row};
    error = "expected one of " + listNames(minifloatRows()) + ", got " +
            std::string(parameter);
    return std::nullopt;
  }
  if (keyword == "codebook") {
    if (auto row = findRow(codebookRows(), parameter))
      return ElementFormat{Kind::Codebook, codebookRows()[*row].bits, *row};
    error = "expected one of " + listNames(codebookRows()) + ", got " +
            std::string(parameter);
    return std::nullopt;
  }
  error = "expected int<N>, uint<N>, float<name> or codebook<name>, got " +
          std::string(keyword);
  return std::nullopt;
}

std::optional<ElementFormat> parseElementFormat(std::string_view text,
                                                std::string &error) {
  text = trim(text);
  size_t open = text.find('<');
  if (open == text.npos || text.back() != '>') {
    error = "expected int<N>, uint<N>, float<name> or codebook<name>, got " +
            std::string(text);
    return std::nullopt;
  }
  return makeElementFormat(text.substr(0, open),
                           text.substr(open + 1, text.size() - open - 2),
                           error);
}

std::optional<FormatSpec> parseFormatSpec(std::string_view text,
                                          std::string &error) {
  std::vector<std::string_view> clauses = splitClauses(text);
  std::optional<ElementFormat> element =
      parseElementFormat(clauses.front(), error);
  if (!element)
    return std::nullopt;
  FormatSpec spec;
  spec.element = *element;
  for (std::string_view clause : std::span(clauses).subspan(1))
    if (!parseClause(clause, spec, error))
      return std::nullopt;
  return spec;
}

} // namespace qopt::numerics
