// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sampling and gathering of rows; the products are in MomentProducts.cpp.
#include "lib/Calibration/SecondMoment.h"
#include "lib/Calibration/MomentProducts.h"
#include <algorithm>
#include <cmath>

namespace qopt {
namespace {

// Row `index` of a value: a slice of its last axis or a convolution's patch.
class RowReader {
public:
  RowReader(llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> shape,
            const RowGeometry &geometry)
      : values(values), shape(shape), geometry(geometry) {
    channels = shape.back();
    if (!geometry.isConv) {
      rowCount = channels ? int64_t(values.size()) / channels : 0;
      return;
    }
    for (int axis = 0; axis < 2; ++axis) {
      int64_t span = geometry.dilations[axis] * (geometry.kernel[axis] - 1) + 1;
      int64_t room =
          shape[1 + axis] + geometry.pads[axis] + geometry.pads[axis + 2] - span;
      out[axis] = room < 0 ? 0 : room / geometry.strides[axis] + 1;
    }
    rowCount = shape[0] * out[0] * out[1];
  }

  int64_t rows() const { return rowCount; }
  int64_t width() const {
    return geometry.isConv ? geometry.kernel[0] * geometry.kernel[1] * channels
                           : channels;
  }

  void read(int64_t index, float *row) const {
    if (!geometry.isConv) {
      std::copy_n(values.begin() + index * channels, channels, row);
      return;
    }
    int64_t x = index % out[1], y = index / out[1] % out[0];
    int64_t n = index / (out[0] * out[1]);
    for (int64_t ky = 0; ky < geometry.kernel[0]; ++ky)
      for (int64_t kx = 0; kx < geometry.kernel[1]; ++kx, row += channels) {
        int64_t sy = y * geometry.strides[0] - geometry.pads[0] +
                     ky * geometry.dilations[0];
        int64_t sx = x * geometry.strides[1] - geometry.pads[1] +
                     kx * geometry.dilations[1];
        if (sy < 0 || sy >= shape[1] || sx < 0 || sx >= shape[2])
          std::fill_n(row, channels, 0.0f);
        else
          std::copy_n(values.begin() +
                          ((n * shape[1] + sy) * shape[2] + sx) * channels,
                      channels, row);
      }
  }

private:
  llvm::ArrayRef<float> values;
  llvm::ArrayRef<int64_t> shape;
  const RowGeometry &geometry;
  int64_t channels = 0, rowCount = 0;
  int64_t out[2] = {0, 0};
};

} // namespace

void SecondMoment::add(llvm::ArrayRef<float> values,
                       llvm::ArrayRef<int64_t> shape,
                       const RowGeometry &geometry) {
  if (shape.empty() || (geometry.isConv && shape.size() != 4))
    return;
  RowReader reader(values, shape, geometry);
  int64_t take = std::min({reader.rows(), rowsPerCall, rowsInAll - rowCount});
  int64_t width = reader.width();
  if (take <= 0 || width == 0 || (dimension && dimension != width))
    return;
  if (!dimension) {
    dimension = width;
    sums.assign(size_t(width * width), 0.0f);
  }
  std::vector<float> rows(size_t(take * width));
  int64_t kept = 0;
  for (int64_t i = 0; i < take; ++i) {
    float *row = rows.data() + kept * width;
    reader.read(i * reader.rows() / take, row);
    kept += std::all_of(row, row + width, [](float v) { return std::isfinite(v); });
  }
  addGram(rows.data(), kept, width, sums.data());
  rowCount += kept;
}

void SecondMoment::merge(const SecondMoment &other) {
  if (!other.dimension)
    return;
  if (!dimension) {
    dimension = other.dimension;
    sums.assign(other.sums.size(), 0.0f);
  }
  if (dimension != other.dimension)
    return;
  for (size_t i = 0; i < sums.size(); ++i)
    sums[i] += other.sums[i];
  rowCount += other.rowCount;
}

void SecondMoment::scaleChannels(llvm::ArrayRef<float> factors) {
  for (int64_t i = 0; i < dimension; ++i)
    for (int64_t j = 0; j < dimension; ++j)
      sums[i * dimension + j] *= factors[i] * factors[j];
}

std::string momentKey(llvm::StringRef id, const RowGeometry &geometry) {
  std::string key = id.str();
  if (!geometry.isConv)
    return key;
  auto pair = [](const std::array<int64_t, 2> &values) {
    return std::to_string(values[0]) + "x" + std::to_string(values[1]);
  };
  key += "|k" + pair(geometry.kernel) + "s" + pair(geometry.strides) + "d" +
         pair(geometry.dilations) + "p";
  for (size_t i = 0; i < 4; ++i)
    key += (i ? "," : "") + std::to_string(geometry.pads[i]);
  return key;
}

double quadraticError(llvm::ArrayRef<float> moment, int64_t size,
                      llvm::ArrayRef<float> delta, int64_t outputs) {
  return quadraticForm(moment.data(), size, delta.data(), outputs);
}

} // namespace qopt
