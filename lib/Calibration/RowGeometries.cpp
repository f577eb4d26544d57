// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the attributes of a contraction to RowGeometry.
#include "lib/Calibration/RowGeometries.h"
#include "dialects/NN/NNOps.h"

using namespace mlir;

namespace qopt {

std::optional<RowGeometry> rowGeometryOf(const Contraction &contraction,
                                         int64_t widest) {
  RankedTensorType weight = contraction.weightType();
  RowGeometry geometry;
  if (!contraction.isConv) {
    if (weight.getDimSize(0) > widest)
      return std::nullopt;
    return geometry;
  }
  auto conv = cast<nn::ConvOp>(contraction.op);
  if (conv.getGroups() != 1 ||
      weight.getNumElements() / weight.getDimSize(0) > widest)
    return std::nullopt;
  geometry.isConv = true;
  geometry.kernel = {weight.getDimSize(1), weight.getDimSize(2)};
  geometry.strides = {conv.getStrides()[0], conv.getStrides()[1]};
  geometry.dilations = {conv.getDilations()[0], conv.getDilations()[1]};
  for (int i = 0; i < 4; ++i)
    geometry.pads[i] = conv.getPads()[i];
  return geometry;
}

} // namespace qopt
