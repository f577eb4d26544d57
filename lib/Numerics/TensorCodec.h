// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding and decoding of whole tensors in any format.
#pragma once
#include "lib/Numerics/FormatSpec.h"

namespace qopt::numerics {

// A tensor in a format. Codes are one a byte (BitPacking.h packs them); scales
// and zeros have the shape spec.scaleShape(shape). Scales are f32 and, where
// the format stores f16, already rounded to it. zeros is empty without zero
// points.
struct EncodedTensor {
  FormatSpec spec;
  std::vector<int64_t> shape;
  std::vector<uint8_t> codes;
  std::vector<float> scales;
  std::vector<uint8_t> zeros;

  // The zero point of a group; 0 where the format has none.
  int zeroOf(int64_t group) const {
    if (zeros.empty())
      return 0;
    return spec.element.isSigned() ? int(int8_t(zeros[group]))
                                   : int(zeros[group]);
  }
};

// How scales are found. A group is what shares one scale.
enum class ScaleRule : uint8_t {
  // absmax / symmetricLimit (or min..max with zero points).
  AbsMax,
  // Also the scale that puts the value of largest magnitude on the most
  // negative code (int<4>: -8), which may be negative; the better by error.
  SignedMax,
  // Also ranges shrunk to 60..100 % of it; the best by error.
  MinError,
};

struct EncodeOptions {
  ScaleRule rule = ScaleRule::AbsMax;
  // Weight of an element's squared error by its index along `importanceAxis`
  // (say the mean square of the input channel it meets); empty: all 1.
  std::span<const float> importance;
  unsigned importanceAxis = 0;
};

// Chooses scales and encodes. `data` holds the product of `shape` elements,
// row-major. Requires spec.verify(rank) to be empty.
EncodedTensor encodeTensor(std::span<const float> data,
                           std::span<const int64_t> shape,
                           const FormatSpec &spec,
                           const EncodeOptions &options = {});

// Encodes with given scales and zeros (shaped as in EncodedTensor). Values are
// divided by the scale: encoding is done once, so exactness comes before speed.
EncodedTensor encodeWithScales(std::span<const float> data,
                               std::span<const int64_t> shape,
                               const FormatSpec &spec,
                               std::span<const float> scales,
                               std::span<const uint8_t> zeros);

std::vector<float> decodeTensor(const EncodedTensor &tensor);

// For every element the index of its scale.
class GroupIndex {
public:
  GroupIndex(std::span<const int64_t> shape, const FormatSpec &spec);
  int64_t groups() const { return groupCount; }
  // Calls visit(element, group, indexAlongAxis) in row-major order.
  template <typename Visit> void forEach(unsigned axis, Visit visit) const;
  std::vector<int64_t> ofElements() const;

private:
  std::vector<int64_t> shape, strides, divisors;
  int64_t groupCount = 1;
};

template <typename Visit>
void GroupIndex::forEach(unsigned axis, Visit visit) const {
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  std::vector<int64_t> position(shape.size(), 0);
  for (int64_t element = 0; element < elements; ++element) {
    int64_t group = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      group += position[i] / divisors[i] * strides[i];
    visit(element, group, shape.empty() ? 0 : position[axis]);
    for (size_t i = shape.size(); i-- > 0;) {
      if (++position[i] < shape[i])
        break;
      position[i] = 0;
    }
  }
}

} // namespace qopt::numerics
