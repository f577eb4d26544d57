// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From lib/Numerics' encoded tensors to lowbit.constant.
#include "lib/Calibration/WeightEncoding.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/Constants.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Calibration/SecondOrderRounding.h"
#include "lib/Numerics/BitPacking.h"
#include "lib/Numerics/Rounding.h"
#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace qopt::numerics;

namespace qopt {
namespace {

template <typename T>
ElementsAttr resource(RankedTensorType type, const std::vector<T> &data,
                      StringRef name) {
  ArrayRef<char> bytes(reinterpret_cast<const char *>(data.data()),
                       data.size() * sizeof(T));
  constexpr int64_t maxInline = 64;
  if (type.getNumElements() <= maxInline)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  return DenseResourceElementsAttr::get(
      type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
}

} // namespace

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

EncodedTensor encodeWeight(const Contraction &contraction,
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

Value createDecodedConstant(OpBuilder &builder, Location loc,
                            const EncodedTensor &tensor) {
  const FormatSpec &spec = tensor.spec;
  MLIRContext *context = builder.getContext();
  Type byte = builder.getIntegerType(8);
  Type code = spec.element.isSigned() ? byte : builder.getIntegerType(8, false);
  std::vector<int64_t> scaleShape = spec.scaleShape(tensor.shape);
  ElementsAttr codes = resource(RankedTensorType::get(tensor.shape, code),
                                tensor.codes, "codes");
  ElementsAttr scales, zeros;
  if (spec.scale == ScaleType::F16) {
    std::vector<uint16_t> halves;
    for (float scale : tensor.scales)
      halves.push_back(toHalf(scale));
    scales = resource(
        RankedTensorType::get(scaleShape, Float16Type::get(context)), halves,
        "scales");
  } else {
    scales = resource(RankedTensorType::get(scaleShape, builder.getF32Type()),
                      tensor.scales, "scales");
  }
  if (spec.zeroPoint)
    zeros = resource(RankedTensorType::get(scaleShape, code), tensor.zeros,
                     "zeros");
  auto encoded = RankedTensorType::get(
      tensor.shape, lowbit::QType::get(context, spec));
  Value constant =
      lowbit::ConstantOp::create(builder, loc, encoded, codes, scales, zeros);
  return lowbit::DecodeOp::create(
      builder, loc,
      RankedTensorType::get(tensor.shape, lowbit::getRealType(context, spec)),
      constant);
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
