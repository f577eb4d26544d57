// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From lib/Numerics' encoded tensors to lowbit.constant.
#include "lib/Calibration/WeightEncoding.h"
#include "dialects/NN/Constants.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Calibration/SecondOrderRounding.h"
#include "lib/Numerics/BitPacking.h"

#include <cmath>

using namespace mlir;
using namespace qopt::numerics;

namespace qopt {
std::vector<float> inputImportance(const Contraction &contraction,
                                   const Statistics *statistics) {
  const ValueStatistics *input =
      statistics ? statistics->find(valueId(contraction.input)) : nullptr;
  int64_t channels = contraction.weightType().getShape()[contraction.isConv ? 3 : 0];
  if (!input || int64_t(input->channelSquares.size()) != channels)
    return {};
  std::vector<float> importance;
  // A channel that was never seen still counts a little.
  double floor = 1e-4 * std::max(input->meanSquare(), 1e-20);
  for (double squares : input->channelSquares)
    importance.push_back(
        float(std::max(squares / double(std::max<uint64_t>(input->rows, 1)), floor)));
  return importance;
}

static const SecondMoment *momentOf(const Contraction &contraction,
                                    const Statistics *statistics) {
  if (!statistics || contraction.isConv)
    return nullptr;
  return statistics->findMoment(valueId(contraction.input), RowGeometry());
}

// Whether f16 holds the scales: none overflowed, and none that matters has lost
// more than 7 of its 11 bits to the subnormal numbers.
static bool holdsScales(const EncodedTensor &tensor,
                        const std::vector<float> &data) {
  constexpr float smallest = 0x1p-20f;
  std::vector<bool> isUsed(tensor.scales.size(), false);
  GroupIndex(tensor.shape, tensor.spec)
      .forEach(0, [&](int64_t element, int64_t group, int64_t) {
        if (data[element] != 0)
          isUsed[group] = true;
      });
  for (auto [scale, used] : llvm::zip(tensor.scales, isUsed))
    if (!std::isfinite(scale) || (used && std::fabs(scale) < smallest))
      return false;
  return true;
}

static EncodedTensor encodeOnce(const Contraction &contraction,
                                const FormatSpec &format,
                                const Statistics *statistics) {
  RankedTensorType type = contraction.weightType();
  std::vector<float> data =
      *nn::ConstantView::of(contraction.weight)->values<float>();
  bool fine = format.element.isInteger() && format.element.bits == 8;
  const SecondMoment *moment = momentOf(contraction, statistics);
  // At 8 bits rounding to nearest loses so little that more is not worth its
  // time.
  if (!fine && moment)
    if (std::optional<EncodedTensor> encoded =
            encodeSecondOrder(data, type.getDimSize(0), type.getDimSize(1),
                              format, *moment))
      return std::move(*encoded);
  std::vector<float> importance = inputImportance(contraction, statistics);
  EncodeOptions options;
  options.rule = fine ? ScaleRule::AbsMax : ScaleRule::MinError;
  if (!fine) {
    options.importance = importance;
    options.importanceAxis = contraction.isConv ? 3 : 0;
  }
  return encodeTensor(data, {type.getShape().data(), type.getShape().size()},
                      format, options);
}

EncodedTensor encodeWeight(const Contraction &contraction,
                           const FormatSpec &format,
                           const Statistics *statistics) {
  EncodedTensor encoded = encodeOnce(contraction, format, statistics);
  if (format.scale != ScaleType::F16 ||
      holdsScales(encoded,
                  *nn::ConstantView::of(contraction.weight)->values<float>()))
    return encoded;
  FormatSpec wide = format;
  wide.scale = ScaleType::F32;
  return encodeOnce(contraction, wide, statistics);
}

int64_t encodedBytes(const FormatSpec &format, ArrayRef<int64_t> shape) {
  std::span<const int64_t> sizes(shape.data(), shape.size());
  int64_t elements = 1, scales = 1;
  for (int64_t size : sizes)
    elements *= size;
  for (int64_t size : format.scaleShape(sizes))
    scales *= size;
  int64_t scaleBytes = format.scale == ScaleType::F16 ? 2 : 4;
  return packedBytes(elements, format.element.bits) + scales * scaleBytes +
         (format.zeroPoint ? packedBytes(scales, format.element.bits) : 0);
}

} // namespace qopt
