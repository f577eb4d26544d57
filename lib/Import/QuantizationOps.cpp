// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantization: QuantizeLinear, DequantizeLinear, and integer products of the
// standard (QOperator models).
#include "lib/Import/OpTable.h"
#include "lib/Import/Quantization.h"
#include "lib/Import/Windows.h"
#include "lib/Numerics/Quantize.h"

using namespace mlir;

namespace qopt::import {
namespace {

bool isNarrowFloat(Type element) {
  return isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 8;
}

// `attribute` as an element type, or null when it is absent or 0.
Type typeAttribute(NodeImport &node, StringRef attribute) {
  auto type = static_cast<OnnxType>(node.integer(attribute, 0));
  if (type == OnnxType::Undefined)
    return {};
  Type element = node.importer().elementType(type);
  if (!element)
    node.unsupported("element type " + nameOf(type) + " is not supported");
  return element;
}

QuantSource sourceOf(NodeImport &node, Value x) {
  int64_t block = node.integer("block_size", 0);
  if (block < 0)
    node.bad("expected a block_size of 0 or more, found " + Twine(block));
  Value scale = node.input(1);
  if (node.hasInput(2)) {
    auto scales = node.typeOf(scale), zeros = node.typeOf(node.input(2));
    auto isOne = [](RankedTensorType type) {
      return type.hasStaticShape() && type.getNumElements() == 1;
    };
    if (!(isOne(scales) && isOne(zeros)) &&
        failed(verifyCompatibleShape(scales, zeros)))
      node.bad("expected zero points of the scale's shape " +
               shapeText(scales.getShape()) + ", found " +
               shapeText(zeros.getShape()));
  }
  // The axis means nothing where there is one scale.
  bool single = node.rank(scale) == 0 || node.rank(x) == 0;
  int64_t axis = single ? 0 : node.integer("axis", 1);
  if (!single && node.rank(x) == 1 && axis == 1)
    axis = 0;
  return quantSource(node, 1, 2, node.axis(axis, node.rank(x)), block);
}

// Division in the type the model asks for, the quotient in f32.
Value divided(NodeImport &node, Value x, Value scale) {
  Type f32 = node.builder().getF32Type(), element = node.elementOf(x);
  Type precision = typeAttribute(node, "precision");
  if (!precision)
    precision = isa<FloatType>(element) ? element : f32;
  Value quotient = node.create<nn::DivOp>(
      {converted(node, x, precision), converted(node, scale, precision)});
  return converted(node, quotient, f32);
}

void importQuantizeLinear(NodeImport &node) {
  Value x = node.input(0);
  OpBuilder &builder = node.builder();
  QuantSource source = sourceOf(node, x);
  Type code = typeAttribute(node, "output_dtype");
  if (source.zero)
    code = node.elementOf(source.zero);
  if (!code)
    code = builder.getIntegerType(8, /*isSigned=*/false);
  if (isNarrowFloat(code)) {
    QuantSource scales = source;
    scales.zero = {};
    Value t = divided(node, x, quantParams(node, scales, x).scale);
    // The sum with a zero point, 0, is not -0; the 8-bit types leave it out.
    if (source.zero && code.getIntOrFloatBitWidth() < 8)
      t = node.create<nn::SelectOp>(
          {node.create<nn::EqualOp>({t, node.splat(0, t)}), node.splat(0, t),
           t});
    SmallVector<NamedAttribute> attributes{
        node.attr("to", TypeAttr::get(code))};
    if (!node.integer("saturate", 1))
      attributes.push_back(node.attr("overflow", builder.getUnitAttr()));
    return node.result(node.create<nn::CastOp>(t, attributes));
  }
  auto integer = dyn_cast<IntegerType>(code);
  if (!integer || integer.getWidth() > 16 || integer.getWidth() < 2)
    node.bad("expected codes of at most 16 bits");
  bool inF32 = node.elementOf(x).isF32() || isa<IntegerType>(node.elementOf(x));
  Type precision = typeAttribute(node, "precision");
  if (inF32 && (!precision || precision.isF32()))
    return node.result(quantize(
        node, converted(node, x, builder.getF32Type()), source, code));
  // The quotient is rounded to the narrow type first.
  Value t = divided(node, x, quantParams(node, source, x).scale);
  QuantSource unit = source;
  unit.scale = node.constant({1}, {}, builder.getF32Type(), "scale");
  node.result(quantize(node, t, unit, code));
}

void importDequantizeLinear(NodeImport &node) {
  Value codes = node.input(0);
  OpBuilder &builder = node.builder();
  QuantSource source = sourceOf(node, codes);
  Type result = typeAttribute(node, "output_dtype");
  if (!result)
    result = node.elementOf(source.scale);
  if (!isa<FloatType>(result) || isNarrowFloat(result))
    result = builder.getF32Type();
  Value y;
  if (isNarrowFloat(node.elementOf(codes))) {
    // Zero points of such types are 0.
    source.zero = {};
    y = node.create<nn::MulOp>({node.cast(codes, builder.getF32Type()),
                                quantParams(node, source, codes).scale});
  } else if (isa<IntegerType>(node.elementOf(codes))) {
    y = dequantize(node, codes, source);
  } else {
    node.bad("expected codes of an integer or 8-bit float type");
  }
  node.result(converted(node, y, result));
}

void importDynamicQuantizeLinear(NodeImport &node) {
  DynamicCodes result = quantizeDynamically(node, node.input(0));
  node.result(result.codes, 0);
  node.result(result.scale, 1);
  node.result(result.zero, 2);
}

IntegerOperand operandOf(NodeImport &node, size_t codes, size_t zero) {
  return {node.input(codes),
          node.hasInput(zero) ? node.input(zero) : Value()};
}

void importMatMulInteger(NodeImport &node) {
  node.result(
      integerProduct(node, operandOf(node, 0, 2), operandOf(node, 1, 3)));
}

void importConvInteger(NodeImport &node) {
  bool isOneDimensional;
  Value y = integerConvolution(node, operandOf(node, 0, 2),
                               operandOf(node, 1, 3), isOneDimensional);
  node.result(toChannelsFirst(node, y, isOneDimensional));
}

// acc * (sx * sw / sy), rounded, with zero point: constant scales make one
// constant, others are multiplied and divided in that order.
Value requantize(NodeImport &node, Value acc, Value inputScale,
                 Value weightScale, Value outputScale, Value zero) {
  OpBuilder &builder = node.builder();
  Type f32 = builder.getF32Type();
  auto scale = [&](Value x) { return converted(node, x, f32); };
  Value multiplier;
  auto sx = node.constantReals(inputScale), sw = node.constantReals(weightScale),
       sy = node.constantReals(outputScale);
  if (sx && sw && sy && sx->size() == 1 && sy->size() == 1) {
    for (double &s : *sw)
      s = numerics::requantizeMultiplier(float(sx->front()), float(s),
                                         float(sy->front()));
    auto shape = node.typeOf(weightScale).getShape();
    multiplier = node.constant(*sw, shape, f32, "scales");
  } else {
    Value product =
        node.create<nn::MulOp>({scale(inputScale), scale(weightScale)});
    multiplier = node.create<nn::DivOp>({product, scale(outputScale)});
  }
  Type code = node.elementOf(zero);
  auto type = RankedTensorType::get(node.typeOf(acc).getShape(), code);
  Value result = lowbit::RequantizeOp::create(
      builder, node.loc(), type, acc, multiplier,
      converted(node, zero, builder.getI32Type()), IntegerAttr(),
      IntegerAttr());
  node.dims(result);
  return result;
}

void importQLinearMatMul(NodeImport &node) {
  Value acc =
      integerProduct(node, operandOf(node, 0, 2), operandOf(node, 3, 5));
  node.result(requantize(node, acc, node.input(1), node.input(4),
                         node.input(6), node.input(7)));
}

void importQLinearConv(NodeImport &node) {
  bool isOneDimensional;
  Value acc = integerConvolution(node, operandOf(node, 0, 2),
                                 operandOf(node, 3, 5), isOneDimensional);
  if (node.hasInput(8))
    acc = node.create<nn::AddOp>({acc, node.input(8)});
  Value y = requantize(node, acc, node.input(1), node.input(4), node.input(6),
                       node.input(7));
  node.result(toChannelsFirst(node, y, isOneDimensional));
}

constexpr OpEntry rows[] = {
    {"ConvInteger", 2, 4, importConvInteger},
    {"DequantizeLinear", 2, 3, importDequantizeLinear},
    {"DynamicQuantizeLinear", 1, 1, importDynamicQuantizeLinear},
    {"MatMulInteger", 2, 4, importMatMulInteger},
    {"QLinearConv", 8, 9, importQLinearConv},
    {"QLinearMatMul", 8, 8, importQLinearMatMul},
    {"QuantizeLinear", 2, 3, importQuantizeLinear},
};
} // namespace

ArrayRef<OpEntry> quantizationOps() { return rows; }

} // namespace qopt::import
