// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Construction, shapes and checks of FormatSpec; its text is in FormatText.cpp.
#include "lib/Numerics/FormatSpec.h"
#include "lib/Numerics/FormatTables.h"
#include <algorithm>
#include <cmath>

namespace qopt::numerics {
namespace {

size_t mix(size_t seed, size_t value) {
  return seed ^ (value + 0x9e3779b97f4a7c15ull + (seed << 6) + (seed >> 2));
}

} // namespace

float ElementFormat::symmetricLimit() const {
  if (kind == Kind::Int)
    return float(std::max(maxCode(), 1));
  if (kind == Kind::UInt) // Around its middle code.
    return float(bits == 1 ? 1 : maxCode() / 2);
  float limit = 0;
  for (float value : valuesOf(*this))
    if (std::isfinite(value))
      limit = std::max(limit, std::fabs(value));
  return limit;
}

FormatSpec FormatSpec::perTensor(ElementFormat element, bool zeroPoint) {
  FormatSpec spec;
  spec.element = element;
  spec.zeroPoint = zeroPoint;
  return spec;
}

FormatSpec FormatSpec::perChannel(ElementFormat element, unsigned axis) {
  FormatSpec spec;
  spec.element = element;
  spec.granularity = Granularity::Channel;
  spec.axis = uint8_t(axis);
  return spec;
}

FormatSpec FormatSpec::perRow(ElementFormat element, bool zeroPoint) {
  FormatSpec spec = perTensor(element, zeroPoint);
  spec.granularity = Granularity::Row;
  return spec;
}

FormatSpec FormatSpec::blocked(ElementFormat element, unsigned rank,
                               unsigned axis, int32_t size, ScaleType scale) {
  FormatSpec spec;
  spec.element = element;
  spec.granularity = Granularity::Block;
  spec.scale = scale;
  spec.blockRank = uint8_t(rank);
  std::fill_n(spec.block.begin(), rank, 1);
  spec.block[axis] = size;
  return spec;
}

std::optional<unsigned> FormatSpec::blockAxis() const {
  std::optional<unsigned> found;
  for (unsigned i = 0; i < blockRank; ++i) {
    if (block[i] == 1)
      continue;
    if (found)
      return std::nullopt;
    found = i;
  }
  return found;
}

std::vector<int64_t>
FormatSpec::scaleShape(std::span<const int64_t> shape) const {
  std::vector<int64_t> result;
  switch (granularity) {
  case Granularity::Tensor:
    break;
  case Granularity::Channel:
    result.push_back(shape[axis]);
    break;
  case Granularity::Row:
    result.assign(shape.begin(), shape.end());
    result.back() = 1;
    break;
  case Granularity::Block:
    for (size_t i = 0; i < shape.size(); ++i)
      result.push_back(shape[i] < 0 ? shape[i]
                                    : (shape[i] + block[i] - 1) / block[i]);
    break;
  }
  return result;
}

std::string FormatSpec::verify(unsigned rank) const {
  if (granularity == Granularity::Channel && axis >= rank)
    return "axis " + std::to_string(axis) + " is outside a tensor of rank " +
           std::to_string(rank);
  if (granularity == Granularity::Row && rank == 0)
    return "a row needs a tensor of rank 1 or more";
  if (granularity == Granularity::Block && blockRank != rank)
    return "block has " + std::to_string(blockRank) +
           " sizes, the tensor has rank " + std::to_string(rank);
  if (zeroPoint && !element.isInteger())
    return "a zero point needs an integer element, got " + toString(element);
  return "";
}

double FormatSpec::bitsPerElement(std::span<const int64_t> shape) const {
  double elements = 1, scales = 1;
  for (int64_t size : shape)
    elements *= double(size);
  for (int64_t size : scaleShape(shape))
    scales *= double(size);
  double scaleBits = scale == ScaleType::F16 ? 16 : 32;
  if (zeroPoint)
    scaleBits += element.bits;
  return element.bits + (elements ? scaleBits * scales / elements : 0);
}

size_t hash_value(const ElementFormat &element) {
  return mix(mix(size_t(element.kind), element.bits), element.row);
}

size_t hash_value(const FormatSpec &spec) {
  size_t seed = hash_value(spec.element);
  for (size_t field :
       {size_t(spec.granularity), size_t(spec.scale), size_t(spec.of),
        size_t(spec.zeroPoint), size_t(spec.axis), size_t(spec.blockRank)})
    seed = mix(seed, field);
  for (int32_t size : spec.block)
    seed = mix(seed, size_t(size));
  return seed;
}

} // namespace qopt::numerics
