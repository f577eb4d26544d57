// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parameters of quantized tensors, and the two ways between codes and numbers.
#include "lib/Import/Quantization.h"
#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"

using namespace mlir;

namespace qopt::import {
using numerics::ElementFormat;
using numerics::FormatSpec;

namespace {

constexpr double maxExpanded = 1 << 24; // elements of scales spelled out

Value reshaped(NodeImport &node, Value x, ArrayRef<int64_t> shape) {
  if (node.typeOf(x).getShape() == shape)
    return x;
  if (auto values = node.constantReals(x))
    return node.constant(*values, shape, node.elementOf(x), "scales");
  Scalars sizes;
  for (int64_t size : shape)
    sizes.push_back(Scalar::ofInt(size));
  return node.reshape(x, sizes);
}

// Each slice of `axis` repeated `block` times, cut to the size `like` has.
Value repeatBlocks(NodeImport &node, Value x, const QuantSource &source,
                   Value like) {
  int64_t size = node.typeOf(like).getDimSize(source.axis);
  int64_t blocks = node.typeOf(x).getDimSize(source.axis);
  if (ShapedType::isDynamic(size) || ShapedType::isDynamic(blocks))
    node.unsupported("blocks along a dynamic dimension are not supported; fix "
                     "it with --shape");
  if (blocks != int64_t(llvm::divideCeil(size, source.block)))
    node.bad("expected " + Twine(llvm::divideCeil(size, source.block)) +
             " scales along axis " + Twine(source.axis) + ", found " +
             Twine(blocks));
  std::vector<double> numbers;
  for (int64_t i = 0; i < size; ++i)
    numbers.push_back(double(i / source.block));
  Value indices = node.constant(numbers, {size}, node.builder().getI64Type(),
                                "blocks");
  return node.create<nn::GatherOp>(
      {x, indices},
      {node.attr("axis", node.builder().getI64IntegerAttr(source.axis))});
}

Value aligned(NodeImport &node, Value x, const QuantSource &source,
              Value like) {
  auto type = node.typeOf(x);
  bool isStatic = type.hasStaticShape();
  if (isStatic && type.getNumElements() == 1 && type.getRank() <= 1)
    return reshaped(node, x, {});
  int64_t rank = node.rank(like);
  if (source.block && type.getRank() == rank)
    return repeatBlocks(node, x, source, like);
  if (type.getRank() != 1)
    node.bad("expected one scale or a vector of scales, found the shape " +
             shapeText(type.getShape()));
  int64_t size = node.typeOf(like).getDimSize(source.axis);
  if (!isStatic) {
    // One scale for all is possible too: it repeats.
    Scalars sizes(rank - source.axis, Scalar::ofInt(1));
    sizes[0] = node.dims(x)[0];
    return node.reshape(x, sizes);
  }
  if (!ShapedType::isDynamic(size) && size != type.getDimSize(0))
    node.bad("expected " + Twine(size) + " scales for axis " +
             Twine(source.axis) + ", found " + Twine(type.getDimSize(0)));
  SmallVector<int64_t> shape(rank - source.axis, 1);
  shape[0] = type.getDimSize(0);
  return reshaped(node, x, shape);
}

template <typename OpTy, typename... Operands>
Value createLike(NodeImport &node, Value like, Type element,
                 Operands... operands) {
  Type type = RankedTensorType::get(node.typeOf(like).getShape(), element);
  Value result =
      OpTy::create(node.builder(), node.loc(), type, operands...);
  node.dims(result);
  return result;
}

std::optional<ElementFormat> elementFormat(Type code) {
  auto integer = dyn_cast<IntegerType>(code);
  if (!integer || integer.getWidth() > 8 || integer.getWidth() < 2)
    return std::nullopt;
  return integer.isUnsigned() ? ElementFormat::makeUInt(integer.getWidth())
                              : ElementFormat::makeInt(integer.getWidth());
}

// The format of a constant of this shape, if its parameters are constants.
std::optional<FormatSpec> formatOf(NodeImport &node, Value x, Type code,
                                   const QuantSource &source) {
  auto element = elementFormat(code);
  auto scale = nn::ConstantView::of(source.scale);
  auto type = node.typeOf(x);
  if (!element || !scale || type.getRank() > FormatSpec::maxRank ||
      (source.zero && !nn::ConstantView::of(source.zero)))
    return std::nullopt;
  if (scale->numElements() == 1 && scale->type().getRank() <= 1)
    return FormatSpec::perTensor(*element, bool(source.zero));
  if (scale->type().getRank() == 1) {
    FormatSpec spec = FormatSpec::perChannel(*element, source.axis);
    spec.zeroPoint = bool(source.zero);
    return type.getDimSize(source.axis) == scale->numElements()
               ? std::optional(spec)
               : std::nullopt;
  }
  if (!source.block || scale->type().getRank() != type.getRank())
    return std::nullopt;
  FormatSpec spec = FormatSpec::blocked(*element, type.getRank(), source.axis,
                                        source.block, numerics::ScaleType::F32);
  spec.zeroPoint = bool(source.zero);
  std::vector<int64_t> shape =
      spec.scaleShape({type.getShape().data(), type.getShape().size()});
  if (ArrayRef<int64_t>(shape) != scale->type().getShape())
    return std::nullopt;
  return spec;
}

std::vector<uint8_t> bytesOf(Value constant) {
  auto view = nn::ConstantView::of(constant);
  std::vector<uint8_t> bytes(view->numElements());
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(view->bytes()[view->isSplat() ? 0 : i]);
  return bytes;
}

// Unsigned codes around the middle of their range are signed ones: what integer
// kernels read. Zero points of 0 are none.
void makeSymmetric(numerics::EncodedTensor &tensor) {
  ElementFormat &element = tensor.spec.element;
  auto allAre = [&](uint8_t value) {
    return llvm::all_of(tensor.zeros, [=](uint8_t z) { return z == value; });
  };
  int middle = element.isSigned() ? 0 : 1 << (element.bits - 1);
  if (tensor.spec.zeroPoint ? !allAre(middle) : middle != 0)
    return;
  for (uint8_t &code : tensor.codes)
    code = uint8_t(code - middle);
  element = ElementFormat::makeInt(element.bits);
  tensor.zeros.clear();
  tensor.spec.zeroPoint = false;
}

Value decodedConstant(NodeImport &node, Value codes, const FormatSpec &spec,
                      const QuantSource &source) {
  numerics::EncodedTensor tensor;
  tensor.spec = spec;
  auto type = node.typeOf(codes);
  tensor.shape.assign(type.getShape().begin(), type.getShape().end());
  tensor.codes = bytesOf(codes);
  tensor.scales = *nn::ConstantView::of(source.scale)->values<float>();
  if (source.zero)
    tensor.zeros = bytesOf(source.zero);
  // What is no weight is as good in float: folds read it there.
  if (type.getRank() < 2 || node.importer().requantizes())
    return nn::createConstant(
        node.builder(), node.loc(),
        RankedTensorType::get(type.getShape(), node.builder().getF32Type()),
        numerics::decodeTensor(tensor), "weight");
  makeSymmetric(tensor);
  return lowbit::createDecodedConstant(node.builder(), node.loc(), tensor);
}

// Wider codes with one scale or one a slice: biases.
Value decodedBias(NodeImport &node, Value codes, const QuantSource &source) {
  auto values = node.constantReals(codes);
  auto scales = node.constantReals(source.scale);
  auto zero = source.zero ? scalarOf(node, source.zero) : 0;
  auto type = node.typeOf(codes);
  if (!values || !scales || !zero || type.getRank() > 1 ||
      (scales->size() != 1 && scales->size() != values->size()))
    return {};
  for (auto [i, value] : llvm::enumerate(*values))
    value = float(value - *zero) *
            float((*scales)[scales->size() == 1 ? 0 : i]);
  return node.constant(*values, type.getShape(), node.builder().getF32Type(),
                       "bias");
}
} // namespace

Value converted(NodeImport &node, Value x, Type element) {
  if (node.elementOf(x) == element)
    return x;
  if (auto view = nn::ConstantView::of(x);
      view && view->numElements() <= maxExpanded)
    if (auto values = node.constantReals(x))
      return node.constant(*values, node.typeOf(x).getShape(), element,
                           "constant");
  return node.cast(x, element);
}

std::optional<double> scalarOf(NodeImport &node, Value x) {
  auto values = node.constantReals(x);
  if (!values || values->empty() ||
      llvm::any_of(*values, [&](double v) { return v != values->front(); }))
    return std::nullopt;
  return values->front();
}

QuantSource quantSource(NodeImport &node, size_t scale, size_t zero,
                        int64_t axis, int64_t block) {
  QuantSource source;
  source.scale = node.input(scale);
  if (node.hasInput(zero))
    source.zero = node.input(zero);
  source.axis = axis;
  source.block = block;
  return source;
}

QuantParams quantParams(NodeImport &node, const QuantSource &source,
                        Value like) {
  OpBuilder &builder = node.builder();
  QuantParams params;
  params.scale =
      aligned(node, converted(node, source.scale, builder.getF32Type()),
              source, like);
  params.zero =
      source.zero
          ? aligned(node, converted(node, source.zero, builder.getI32Type()),
                    source, like)
          : node.constant({0}, {}, builder.getI32Type(), "zero");
  return params;
}

Value quantize(NodeImport &node, Value x, const QuantSource &source,
               Type code) {
  auto view = nn::ConstantView::of(x);
  auto format = view ? formatOf(node, x, code, source) : std::nullopt;
  if (format) {
    auto type = node.typeOf(x);
    std::vector<uint8_t> zeros =
        source.zero ? bytesOf(source.zero) : std::vector<uint8_t>();
    numerics::EncodedTensor tensor = numerics::encodeWithScales(
        *view->values<float>(),
        {type.getShape().data(), type.getShape().size()}, *format,
        *nn::ConstantView::of(source.scale)->values<float>(), zeros);
    return nn::createConstant(node.builder(), node.loc(),
                              RankedTensorType::get(type.getShape(), code),
                              tensor.codes, "codes");
  }
  QuantParams params = quantParams(node, source, x);
  return createLike<lowbit::QuantizeOp>(
      node, x, code, x, params.scale, params.zero, IntegerAttr(), IntegerAttr(),
      /*divide=*/true);
}

Value dequantize(NodeImport &node, Value codes, const QuantSource &source) {
  if (nn::ConstantView::of(codes)) {
    if (auto format = formatOf(node, codes, node.elementOf(codes), source))
      return decodedConstant(node, codes, *format, source);
    if (Value bias = decodedBias(node, codes, source))
      return bias;
  }
  auto producer = codes.getDefiningOp<lowbit::QuantizeOp>();
  if (producer && node.importer().requantizes())
    return producer.getX();
  QuantParams params = quantParams(node, source, codes);
  return createLike<lowbit::DequantizeOp>(node, codes,
                                          node.builder().getF32Type(), codes,
                                          params.scale, params.zero);
}

DynamicCodes quantizeDynamically(NodeImport &node, Value x) {
  SmallVector<int64_t> axes;
  for (int64_t axis = 0; axis < node.rank(x); ++axis)
    axes.push_back(axis);
  Value zero = node.splat(0, x), one = node.splat(1, x);
  Value high = node.create<nn::MaxOp>(
      {axes.empty() ? x : node.reduce<nn::ReduceMaxOp>(x, axes, false), zero});
  Value low = node.create<nn::MinOp>(
      {axes.empty() ? x : node.reduce<nn::ReduceMinOp>(x, axes, false), zero});
  Value scale = node.create<nn::DivOp>(
      {node.create<nn::SubOp>({high, low}), node.splat(255, x)});
  // Zeros alone have no range: any scale codes them exactly.
  Value isFlat = node.create<nn::EqualOp>({scale, zero});
  scale = node.create<nn::SelectOp>({isFlat, one, scale});
  Type code = node.builder().getIntegerType(8, /*isSigned=*/false);
  QuantSource source;
  source.scale = scale;
  DynamicCodes result;
  result.scale = scale;
  result.zero =
      quantize(node, node.create<nn::SubOp>({zero, low}), source, code);
  source.zero = result.zero;
  result.codes = quantize(node, x, source, code);
  return result;
}

} // namespace qopt::import
