// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements are gathered group by group, so that the search for a scale reads
// its group from a small contiguous buffer whatever the group's shape.
#include "lib/Numerics/TensorCodec.h"
#include "lib/Numerics/ElementCodec.h"
#include "lib/Numerics/Quantize.h"
#include "lib/Numerics/ScaleSearch.h"

namespace qopt::numerics {

GroupIndex::GroupIndex(std::span<const int64_t> shape, const FormatSpec &spec)
    : shape(shape.begin(), shape.end()), strides(shape.size(), 0),
      divisors(shape.size(), 1) {
  switch (spec.granularity) {
  case Granularity::Tensor:
    break;
  case Granularity::Channel:
    strides[spec.axis] = 1;
    groupCount = shape[spec.axis];
    break;
  case Granularity::Row:
  case Granularity::Block:
    for (size_t i = shape.size(); i-- > 0;) {
      if (spec.granularity == Granularity::Row)
        divisors[i] = i + 1 == shape.size() ? std::max<int64_t>(shape[i], 1) : 1;
      else
        divisors[i] = spec.block[i];
      strides[i] = groupCount;
      groupCount *= (shape[i] + divisors[i] - 1) / divisors[i];
    }
    break;
  }
}

std::vector<int64_t> GroupIndex::ofElements() const {
  std::vector<int64_t> result;
  forEach(0, [&](int64_t, int64_t group, int64_t) { result.push_back(group); });
  return result;
}

namespace {

struct Members {
  std::vector<int64_t> begin;    // Per group, into `elements`; one past last.
  std::vector<int64_t> elements; // Sorted by group, row-major inside.
  std::vector<int64_t> along;    // Index along the importance axis.
};

Members gatherMembers(const GroupIndex &index, size_t elements, unsigned axis) {
  Members members;
  members.begin.assign(index.groups() + 1, 0);
  members.elements.resize(elements);
  members.along.resize(elements);
  index.forEach(axis, [&](int64_t, int64_t group, int64_t) {
    ++members.begin[group + 1];
  });
  for (int64_t group = 0; group < index.groups(); ++group)
    members.begin[group + 1] += members.begin[group];
  std::vector<int64_t> next(members.begin.begin(), members.begin.end() - 1);
  index.forEach(axis, [&](int64_t element, int64_t group, int64_t along) {
    members.elements[next[group]] = element;
    members.along[next[group]++] = along;
  });
  return members;
}

} // namespace

EncodedTensor encodeTensor(std::span<const float> data,
                           std::span<const int64_t> shape,
                           const FormatSpec &spec,
                           const EncodeOptions &options) {
  GroupIndex index(shape, spec);
  Members members = gatherMembers(index, data.size(), options.importanceAxis);
  ScaleSearch search(spec, options.rule);
  std::vector<float> scales(index.groups());
  std::vector<uint8_t> zeros(spec.zeroPoint ? index.groups() : 0);
  std::vector<float> values, weights;
  for (int64_t group = 0; group < index.groups(); ++group) {
    values.clear();
    weights.clear();
    for (int64_t i = members.begin[group]; i < members.begin[group + 1]; ++i) {
      values.push_back(data[members.elements[i]]);
      if (!options.importance.empty())
        weights.push_back(options.importance[members.along[i]]);
    }
    QuantParams best = search.find(values, weights);
    scales[group] = best.scale;
    if (spec.zeroPoint)
      zeros[group] = uint8_t(best.zeroPoint);
  }
  return encodeWithScales(data, shape, spec, scales, zeros);
}

EncodedTensor encodeWithScales(std::span<const float> data,
                               std::span<const int64_t> shape,
                               const FormatSpec &spec,
                               std::span<const float> scales,
                               std::span<const uint8_t> zeros) {
  EncodedTensor result;
  result.spec = spec;
  result.shape.assign(shape.begin(), shape.end());
  result.scales.assign(scales.begin(), scales.end());
  result.zeros.assign(zeros.begin(), zeros.end());
  result.codes.resize(data.size());
  ElementCodec codec(spec.element);
  GroupIndex(shape, spec).forEach(0, [&](int64_t i, int64_t group, int64_t) {
    result.codes[i] =
        codec.encode(data[i] / scales[group], result.zeroOf(group));
  });
  return result;
}

std::vector<float> decodeTensor(const EncodedTensor &tensor) {
  std::vector<float> result(tensor.codes.size());
  ElementCodec codec(tensor.spec.element);
  GroupIndex(tensor.shape, tensor.spec)
      .forEach(0, [&](int64_t i, int64_t group, int64_t) {
        result[i] = codec.decode(tensor.codes[i], tensor.zeroOf(group)) *
                    tensor.scales[group];
      });
  return result;
}

} // namespace qopt::numerics
