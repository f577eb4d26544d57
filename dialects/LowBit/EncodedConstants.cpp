// Encoded constants.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"
#include "lib/Numerics/Rounding.h"
#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::numerics;

template <typename T>
static ElementsAttr resource(RankedTensorType type, const std::vector<T> &data,
                             StringRef name) {
  ArrayRef<char> bytes(reinterpret_cast<const char *>(data.data()),
                       data.size() * sizeof(T));
  constexpr int64_t maxInline = 64;
  if (type.getNumElements() <= maxInline)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  return DenseResourceElementsAttr::get(
      type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
}

Value lowbit::createDecodedConstant(OpBuilder &builder, Location loc,
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
  auto encoded = RankedTensorType::get(tensor.shape, QType::get(context, spec));
  Value constant =
      ConstantOp::create(builder, loc, encoded, codes, scales, zeros);
  return DecodeOp::create(
      builder, loc,
      RankedTensorType::get(tensor.shape, getRealType(context, spec)),
      constant);
}

// One byte an element, whatever their signedness; splats repeated.
static std::vector<uint8_t> bytesOf(ElementsAttr elements) {
  auto view = nn::ConstantView::of(Attribute(elements));
  std::vector<uint8_t> bytes(view->numElements());
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(view->bytes()[view->isSplat() ? 0 : i]);
  return bytes;
}

EncodedTensor lowbit::encodedTensorOf(ConstantOp constant) {
  auto type = cast<RankedTensorType>(constant.getResult().getType());
  EncodedTensor tensor;
  tensor.spec = getFormat(type).getSpec();
  tensor.shape.assign(type.getShape().begin(), type.getShape().end());
  tensor.codes = bytesOf(constant.getCodes());
  tensor.scales = *nn::ConstantView::of(Attribute(constant.getScales()))
                       ->values<float>();
  if (constant.getZeros())
    tensor.zeros = bytesOf(*constant.getZeros());
  return tensor;
}
