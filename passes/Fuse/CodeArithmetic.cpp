// Building blocks of stated arithmetic.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Fuse/CodeArithmetic.h"
#include "dialects/LowBit/EncodedConstants.h"
#include "lib/Numerics/Quantize.h"
#include "lib/Numerics/TensorCodec.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::fuse;

static lowbit::QType formatOf(Value encoded) {
  return lowbit::getFormat(encoded.getType());
}

std::optional<StaticScale> StaticScale::of(lowbit::EncodeOp encode) {
  const numerics::FormatSpec &format =
      formatOf(encode.getResult()).getSpec();
  if (format.granularity != numerics::Granularity::Tensor ||
      !format.element.isInteger() || format.element.bits > 8)
    return std::nullopt;
  auto scale = nn::ConstantView::of(encode.getScales());
  if (!scale)
    return std::nullopt;
  StaticScale result;
  result.scale = scale->values<float>()->front();
  if (encode.getZeros()) {
    auto zero = nn::ConstantView::of(encode.getZeros());
    if (!zero)
      return std::nullopt;
    result.zero = zero->values<int32_t>()->front();
  }
  int shift = format.element.isSigned() ? 128 : 0;
  result.zero += shift;
  result.low = format.element.minCode() + shift;
  result.high = format.element.maxCode() + shift;
  return result;
}

/// One constant scale and zero point, beside codes of type \p codes.
static std::optional<StaticScale> scaleOf(Value scale, Value zero,
                                          Value codes) {
  Type type = getElementTypeOrSelf(codes.getType());
  auto scaleView = nn::ConstantView::of(scale);
  auto zeroView = nn::ConstantView::of(zero);
  if (!type.isInteger(8) || !scaleView || !zeroView ||
      scaleView->numElements() != 1 || zeroView->numElements() != 1)
    return std::nullopt;
  StaticScale result;
  result.scale = scaleView->values<float>()->front();
  result.zero = zeroView->values<int32_t>()->front();
  if (!type.isUnsignedInteger()) {
    result.typeLow = result.low = -128;
    result.typeHigh = result.high = 127;
  }
  return result;
}

std::optional<StaticScale> StaticScale::of(lowbit::QuantizeOp quantize) {
  if (!quantize.getDivide() || quantize.getLo() || quantize.getHi())
    return std::nullopt;
  std::optional<StaticScale> result = scaleOf(
      quantize.getFactor(), quantize.getZero(), quantize.getResult());
  if (result)
    result->divides = true;
  return result;
}

std::optional<StaticScale> StaticScale::of(lowbit::DequantizeOp dequantize) {
  return scaleOf(dequantize.getScale(), dequantize.getZero(),
                 dequantize.getQ());
}

void StaticScale::clampTo(Operation *reluOrClip) {
  float lo = 0, hi = std::numeric_limits<float>::infinity();
  if (auto clip = dyn_cast<nn::ClipOp>(reluOrClip)) {
    lo = clip.getLo().convertToFloat();
    hi = clip.getHi().convertToFloat();
  }
  // Quantization is monotone: clamping before it equals clamping its codes.
  int from = low, to = high;
  auto codeOf = [&](float bound) {
    return divides
               ? numerics::quantizeDividing(bound, scale, zero, from, to)
               : numerics::quantize(bound, 1.0f / scale, zero, from, to);
  };
  low = codeOf(lo);
  high = codeOf(hi);
}

IntegerAttr StaticScale::lowAttr(OpBuilder &builder) const {
  return low == typeLow ? IntegerAttr() : builder.getI32IntegerAttr(low);
}

IntegerAttr StaticScale::highAttr(OpBuilder &builder) const {
  return high == typeHigh ? IntegerAttr() : builder.getI32IntegerAttr(high);
}

static std::vector<int8_t> codesOf(lowbit::ConstantOp constant) {
  auto view = nn::ConstantView::of(Attribute(constant.getCodes()));
  std::vector<int8_t> codes(view->numElements());
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = view->bytes()[view->isSplat() ? 0 : i];
  return codes;
}

static std::vector<float> scalesOf(lowbit::ConstantOp constant) {
  return *nn::ConstantView::of(Attribute(constant.getScales()))
              ->values<float>();
}

ChannelWeights ChannelWeights::of(lowbit::ConstantOp constant, bool isConv) {
  ChannelWeights weights;
  auto type = cast<RankedTensorType>(constant.getResult().getType());
  weights.type = type.clone(Float32Type::get(constant.getContext()));
  weights.codes = codesOf(constant);
  weights.scales = scalesOf(constant);
  int64_t outputs = type.getDimSize(isConv ? 0 : 1);
  if (int64_t(weights.scales.size()) != outputs) // one for all
    weights.scales.assign(outputs, weights.scales.front());
  int64_t inner = weights.codes.size() / std::max<int64_t>(outputs, 1);
  weights.sums.assign(outputs, 0);
  for (int64_t i = 0; i < int64_t(weights.codes.size()); ++i)
    weights.sums[isConv ? i / inner : i % outputs] += weights.codes[i];
  return weights;
}

int32_t fuse::accumulatorBias(float bias, float scale, int64_t zero,
                              int64_t sum) {
  double value = std::nearbyint(double(bias) / scale) - double(zero * sum);
  return int32_t(std::clamp(value, double(INT32_MIN), double(INT32_MAX)));
}

Value fuse::createScalar(OpBuilder &builder, Location loc, float v) {
  auto type = RankedTensorType::get({}, builder.getF32Type());
  return nn::createConstant(builder, loc, type, std::vector<float>{v});
}

Value fuse::createScalar(OpBuilder &builder, Location loc, int32_t v) {
  auto type = RankedTensorType::get({}, builder.getI32Type());
  return nn::createConstant(builder, loc, type, std::vector<int32_t>{v});
}

Value fuse::createVector(OpBuilder &builder, Location loc,
                         const std::vector<float> &values) {
  auto type = RankedTensorType::get({int64_t(values.size())},
                                    builder.getF32Type());
  return nn::createConstant(builder, loc, type, values, "scales");
}

Value fuse::createVector(OpBuilder &builder, Location loc,
                         const std::vector<int32_t> &values) {
  auto type = RankedTensorType::get({int64_t(values.size())},
                                    builder.getI32Type());
  return nn::createConstant(builder, loc, type, values, "bias");
}

Value fuse::createCodes(OpBuilder &builder, Location loc,
                        const ChannelWeights &weights) {
  RankedTensorType type = weights.type;
  return nn::createConstant(builder, loc, type.clone(builder.getI8Type()),
                            weights.codes, "weight");
}

Value fuse::createOffsetCodes(OpBuilder &builder, Location loc,
                              lowbit::ConstantOp constant, int offset) {
  auto type = cast<RankedTensorType>(constant.getResult().getType());
  std::vector<uint8_t> codes;
  for (int8_t code : codesOf(constant))
    codes.push_back(uint8_t(code + offset));
  return nn::createConstant(builder, loc,
                            type.clone(builder.getIntegerType(8, false)), codes,
                            "weight");
}

Value fuse::createScales(OpBuilder &builder, Location loc,
                         lowbit::ConstantOp constant) {
  return arith::ConstantOp::create(builder, loc,
                                   cast<TypedAttr>(constant.getScales()));
}

Value fuse::createQuantize(OpBuilder &builder, lowbit::EncodeOp encode,
                           const StaticScale &scale) {
  auto type = cast<RankedTensorType>(encode.getX().getType());
  return lowbit::QuantizeOp::create(
      builder, encode.getLoc(), type.clone(builder.getIntegerType(8, false)),
      encode.getX(), createScalar(builder, encode.getLoc(), 1.0f / scale.scale),
      createScalar(builder, encode.getLoc(), int32_t(scale.zero)),
      scale.lowAttr(builder), scale.highAttr(builder), /*divide=*/false);
}

RowCodes fuse::createRowCodes(OpBuilder &builder, lowbit::EncodeRowsOp encode,
                              bool isUnsigned) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(encode);
  auto type = cast<RankedTensorType>(encode.getX().getType());
  SmallVector<int64_t> scaleShape(type.getShape());
  scaleShape.back() = 1;
  Type code = isUnsigned ? builder.getIntegerType(8, false)
                         : Type(builder.getI8Type());
  auto op = lowbit::QuantizeRowsOp::create(
      builder, encode.getLoc(), type.clone(code),
      type.clone(scaleShape), encode.getX());
  return {op.getCodes(), op.getScales()};
}

Value fuse::decodeConstant(OpBuilder &builder, lowbit::ConstantOp constant) {
  auto type = cast<RankedTensorType>(constant.getResult().getType());
  return nn::createConstant(
      builder, constant.getLoc(), type.clone(builder.getF32Type()),
      numerics::decodeTensor(lowbit::encodedTensorOf(constant)), "weight");
}
