// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The triangular factor of the inverse comes from MomentProducts.cpp. Rows of
// the weight are updated in panels: inside a panel at once, beyond it when the
// panel is done, as one product.
#include "lib/Calibration/SecondOrderRounding.h"
#include "lib/Calibration/MomentProducts.h"
#include "lib/Numerics/ElementCodec.h"
#include "lib/Numerics/ScaleSearch.h"
#include <algorithm>
#include <cmath>

using namespace qopt::numerics;

namespace qopt {
namespace {

constexpr double damping = 0.01; // Of the mean diagonal, as in the paper.
constexpr int64_t panelRows = 128;

class Rounder {
public:
  Rounder(llvm::ArrayRef<float> given, int64_t inputs, int64_t outputs,
          const FormatSpec &format, llvm::ArrayRef<float> diagonal)
      : weight(given.begin(), given.end()), inputs(inputs), outputs(outputs),
        format(format), diagonal(diagonal), codec(format.element),
        search(format, format.element.bits == 8 ? ScaleRule::AbsMax
                                                : ScaleRule::MinError) {
    blockRows = format.granularity == Granularity::Block ? format.block[0]
                                                         : inputs;
    result.spec = format;
    result.shape = {inputs, outputs};
    result.codes.resize(size_t(inputs * outputs));
    result.scales.resize(
        size_t((inputs + blockRows - 1) / blockRows * outputs));
  }

  // `factor`: upper triangular U with U^T U the inverse of the moment.
  EncodedTensor round(const std::vector<float> &factor) {
    std::vector<float> errors(size_t(panelRows * outputs));
    for (int64_t begin = 0; begin < inputs; begin += panelRows) {
      int64_t end = std::min(begin + panelRows, inputs);
      for (int64_t k = begin; k < end; ++k) {
        if (k % blockRows == 0)
          chooseScales(k);
        float *error = errors.data() + (k - begin) * outputs;
        roundRow(k, factor[k * inputs + k], error);
        for (int64_t later = k + 1; later < end; ++later)
          subtract(later, factor[k * inputs + later], error);
      }
      subtractProduct(factor.data() + begin * inputs + end, inputs,
                      errors.data(), end - begin, inputs - end, outputs,
                      weight.data() + end * outputs);
    }
    return std::move(result);
  }

private:
  void chooseScales(int64_t row) {
    int64_t rows = std::min(blockRows, inputs - row);
    std::vector<float> values(static_cast<size_t>(rows));
    std::vector<float> weights(diagonal.begin() + row,
                               diagonal.begin() + row + rows);
    for (int64_t n = 0; n < outputs; ++n) {
      for (int64_t i = 0; i < rows; ++i)
        values[size_t(i)] = weight[size_t((row + i) * outputs + n)];
      result.scales[size_t(row / blockRows * outputs + n)] =
          search.find(values, weights).scale;
    }
  }

  void roundRow(int64_t k, float pivot, float *error) {
    const float *scales = result.scales.data() + k / blockRows * outputs;
    for (int64_t n = 0; n < outputs; ++n) {
      size_t at = size_t(k * outputs + n);
      uint8_t code = codec.encode(weight[at] / scales[n]);
      result.codes[at] = code;
      error[n] = (weight[at] - codec.decode(code) * scales[n]) / pivot;
    }
  }

  void subtract(int64_t row, float factor, const float *error) {
    float *target = weight.data() + row * outputs;
    for (int64_t n = 0; n < outputs; ++n)
      target[n] -= factor * error[n];
  }

  std::vector<float> weight;
  int64_t inputs, outputs, blockRows;
  FormatSpec format;
  llvm::ArrayRef<float> diagonal;
  ElementCodec codec;
  ScaleSearch search;
  EncodedTensor result;
};

} // namespace

std::optional<EncodedTensor>
encodeSecondOrder(llvm::ArrayRef<float> weight, int64_t inputs, int64_t outputs,
                  const FormatSpec &format, const SecondMoment &moment) {
  bool channels =
      format.granularity == Granularity::Channel && format.axis == 1;
  bool blocks =
      format.granularity == Granularity::Block && format.blockAxis() == 0u;
  if ((!channels && !blocks) || format.zeroPoint || moment.size() != inputs ||
      moment.rows() < 32)
    return std::nullopt;
  // The damped moment; inputs that were never active get the damping alone.
  std::vector<float> matrix(moment.matrix().begin(), moment.matrix().end());
  std::vector<float> diagonal;
  double mean = 0;
  for (int64_t k = 0; k < inputs; ++k)
    mean += matrix[size_t(k * inputs + k)];
  mean /= double(inputs);
  if (!(mean > 0) || !std::isfinite(mean))
    return std::nullopt;
  for (int64_t k = 0; k < inputs; ++k) {
    matrix[size_t(k * inputs + k)] += float(damping * mean);
    diagonal.push_back(matrix[size_t(k * inputs + k)]);
  }
  std::vector<float> factor(matrix.size());
  if (!inverseFactor(matrix.data(), inputs, factor.data()))
    return std::nullopt;
  return Rounder(weight, inputs, outputs, format, diagonal).round(factor);
}

} // namespace qopt
