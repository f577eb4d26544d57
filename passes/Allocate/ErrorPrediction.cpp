// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Filters are brought to the shape of a matmul's weight, [inputs, outputs].
#include "passes/Allocate/ErrorPrediction.h"
#include "dialects/NN/Constants.h"
#include "lib/Calibration/RowGeometries.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Calibration/WeightEncoding.h"

namespace qopt {
namespace {

// [O, KH, KW, I] -> [KH * KW * I, O]; a matmul's weight stays.
std::vector<float> asColumns(const Contraction &contraction,
                             llvm::ArrayRef<float> weight) {
  if (!contraction.isConv)
    return weight.vec();
  int64_t outputs = contraction.weightType().getDimSize(0);
  int64_t inputs = int64_t(weight.size()) / std::max<int64_t>(outputs, 1);
  std::vector<float> columns(weight.size());
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t k = 0; k < inputs; ++k)
      columns[k * outputs + o] = weight[o * inputs + k];
  return columns;
}

} // namespace

ErrorPredictor::ErrorPredictor(const Contraction &contraction,
                               const Statistics *statistics)
    : contraction(contraction), statistics(statistics) {
  weight = *nn::ConstantView::of(contraction.weight)->values<float>();
  mlir::RankedTensorType type = contraction.weightType();
  if (statistics) {
    if (std::optional<RowGeometry> geometry = rowGeometryOf(contraction))
      moment = statistics->findMoment(valueId(contraction.input), *geometry);
    int64_t inputs = contraction.isConv
                         ? type.getNumElements() / std::max<int64_t>(type.getDimSize(0), 1)
                         : type.getDimSize(0);
    if (moment && (moment->size() != inputs || moment->rows() == 0))
      moment = nullptr;
  }
  if (!moment)
    diagonal = inputImportance(contraction, statistics);
  energy = quadratic(weight);
}

double ErrorPredictor::quadratic(llvm::ArrayRef<float> values) const {
  if (moment) {
    std::vector<float> columns = asColumns(contraction, values);
    int64_t outputs = int64_t(columns.size()) / moment->size();
    return quadraticError(moment->matrix(), moment->size(), columns, outputs);
  }
  // Input channels: axis 0 of a matmul's weight, the last of a filter.
  int64_t channels = int64_t(diagonal.size());
  int64_t outputs = contraction.isConv
                        ? 1
                        : contraction.weightType().getDimSize(1);
  double sum = 0;
  for (int64_t i = 0; i < int64_t(values.size()); ++i) {
    double factor = channels ? diagonal[i / outputs % channels] : 1;
    sum += factor * double(values[i]) * double(values[i]);
  }
  return sum;
}

double ErrorPredictor::errorOf(const numerics::FormatSpec &format) const {
  return errorOf(numerics::decodeTensor(
      encodeWeight(contraction, format, statistics)));
}

double ErrorPredictor::errorOf(llvm::ArrayRef<float> decoded) const {
  std::vector<float> delta = decoded.vec();
  for (size_t i = 0; i < delta.size(); ++i)
    delta[i] -= weight[i];
  return energy > 0 ? quadratic(delta) / energy : 0;
}

} // namespace qopt
