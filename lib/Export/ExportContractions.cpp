// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantization, products and windows.
#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"
#include "lib/Export/Exporter.h"

using namespace mlir;
using qopt::numerics::EncodedTensor;
using qopt::numerics::Granularity;

namespace qopt::onnx_export {

using List = std::vector<int64_t>;
using Proto = onnx::TensorProto;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static lowbit::ConstantOp encodedConstant(Value decoded) {
  auto decode = decoded.getDefiningOp<lowbit::DecodeOp>();
  return decode ? decode.getQ().getDefiningOp<lowbit::ConstantOp>()
                : lowbit::ConstantOp();
}

static lowbit::EncodeRowsOp encodedRows(Value decoded) {
  auto decode = decoded.getDefiningOp<lowbit::DecodeOp>();
  return decode ? decode.getQ().getDefiningOp<lowbit::EncodeRowsOp>()
                : lowbit::EncodeRowsOp();
}

static int32_t byteNumber(const numerics::FormatSpec &spec) {
  return spec.element.isSigned() ? Proto::INT8 : Proto::UINT8;
}

static StringRef bytesOf(const std::vector<uint8_t> &codes) {
  return {reinterpret_cast<const char *>(codes.data()), codes.size()};
}

//===-- Scales and codes ------------------------------------------------------===//

// Two codes a byte, the first in the low half.
static std::string packedNibbles(ArrayRef<uint8_t> codes) {
  std::string packed((codes.size() + 1) / 2, '\0');
  for (auto [i, code] : llvm::enumerate(codes))
    packed[i / 2] |= char((code & 15) << (i % 2 * 4));
  return packed;
}

std::string Exporter::dequantizeConstant(const EncodedTensor &tensor,
                                         StringRef wanted) {
  const numerics::FormatSpec &spec = tensor.spec;
  if (!spec.element.isInteger() || spec.granularity == Granularity::Row)
    throw ExportFailure{"weights in the format " + toString(spec) +
                        " cannot be exported"};
  std::vector<int64_t> scaleShape = spec.scaleShape(tensor.shape);
  std::vector<Attribute> attributes;
  if (spec.granularity == Granularity::Channel)
    attributes.push_back({"axis", int64_t(spec.axis)});
  int32_t number = byteNumber(spec);
  std::string codes;
  if (spec.granularity == Granularity::Block) {
    std::optional<unsigned> axis = spec.blockAxis();
    if (!axis || spec.element.bits != 4 || !spec.element.isSigned())
      throw ExportFailure{"weights in the format " + toString(spec) +
                          " cannot be exported"};
    attributes.push_back({"axis", int64_t(*axis)});
    attributes.push_back({"block_size", int64_t(spec.block[*axis])});
    codes = writer.constant(wanted, kInt4, tensor.shape,
                            packedNibbles(tensor.codes));
  } else {
    codes = writer.constant(wanted, number, tensor.shape, bytesOf(tensor.codes));
  }
  std::vector<std::string> inputs{
      codes, writer.constant("scale", Proto::FLOAT, scaleShape, tensor.scales)};
  if (spec.zeroPoint)
    inputs.push_back(
        writer.constant("zero_point", number, scaleShape, bytesOf(tensor.zeros)));
  return writer.node("DequantizeLinear", inputs, attributes);
}

// The constant parameters of a per-tensor encode as initializers.
static std::vector<std::string> parameters(GraphWriter &writer, Value scale,
                                           Value zero, int32_t number) {
  auto scaleView = nn::ConstantView::of(scale);
  if (!scaleView || scaleView->numElements() != 1)
    throw ExportFailure{"a scale that is no single constant cannot be exported"};
  int32_t code = 0;
  if (zero) {
    auto view = nn::ConstantView::of(zero);
    if (!view || view->numElements() != 1)
      throw ExportFailure{
          "a zero point that is no single constant cannot be exported"};
    code = view->values<int32_t>()->front();
  }
  unsigned width =
      number == Proto::INT8 || number == Proto::UINT8 ? 1 : number == Proto::INT32 ? 4 : 2;
  return {writer.constant("scale", Proto::FLOAT, {},
                          std::vector<float>{scaleView->values<float>()->front()}),
          writer.constant("zero_point", number, {},
                          StringRef(reinterpret_cast<const char *>(&code), width))};
}

bool Exporter::visitQuantization(Operation *op) {
  if (isa<lowbit::EncodeRowsOp>(op))
    return true; // Written with what reads it.
  if (auto encode = dyn_cast<lowbit::EncodeOp>(op)) {
    numerics::FormatSpec spec = lowbit::getFormat(encode.getType()).getSpec();
    if (spec.granularity != Granularity::Tensor || !spec.element.isInteger() ||
        spec.element.bits != 8)
      refuse(op);
    auto params = parameters(writer, encode.getScales(), encode.getZeros(),
                             byteNumber(spec));
    pointwise(op, encode.getX(), [&](Names x) {
      return writer.node("QuantizeLinear", {x[0], params[0], params[1]});
    });
    return true;
  }
  if (auto decode = dyn_cast<lowbit::DecodeOp>(op)) {
    if (encodedConstant(decode))
      return true; // Written as its reader wants it, or by name().
    if (auto rows = encodedRows(decode)) {
      // For other readers than products: the numbers before their rounding.
      set(decode, name(rows.getX()));
      return true;
    }
    auto encode = decode.getQ().getDefiningOp<lowbit::EncodeOp>();
    if (!encode)
      refuse(op);
    auto params =
        parameters(writer, encode.getScales(), encode.getZeros(),
                   byteNumber(lowbit::getFormat(encode.getType()).getSpec()));
    pointwise(op, decode.getQ(), [&](Names q) {
      return writer.node("DequantizeLinear", {q[0], params[0], params[1]});
    });
    return true;
  }
  if (auto quantize = dyn_cast<lowbit::QuantizeOp>(op)) {
    if (!quantize.getDivide() || quantize.getLo() || quantize.getHi())
      refuse(op);
    auto params = parameters(
        writer, quantize.getFactor(), quantize.getZero(),
        elementNumber(typeOf(quantize.getResult()).getElementType()));
    pointwise(op, quantize.getX(), [&](Names x) {
      return writer.node("QuantizeLinear", {x[0], params[0], params[1]});
    });
    return true;
  }
  if (auto dequantize = dyn_cast<lowbit::DequantizeOp>(op)) {
    auto params =
        parameters(writer, dequantize.getScale(), dequantize.getZero(),
                   elementNumber(typeOf(dequantize.getQ()).getElementType()));
    pointwise(op, dequantize.getQ(), [&](Names q) {
      return writer.node("DequantizeLinear", {q[0], params[0], params[1]});
    });
    return true;
  }
  return false;
}

//===-- Convolutions ----------------------------------------------------------===//

template <typename T>
static std::vector<T> channelsFirst(const std::vector<T> &data,
                                    ArrayRef<int64_t> shape) {
  int64_t outputs = shape[0], pixels = shape[1] * shape[2], channels = shape[3];
  std::vector<T> result(data.size());
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t c = 0; c < channels; ++c)
        result[(o * channels + c) * pixels + p] =
            data[(o * pixels + p) * channels + c];
  return result;
}

// [O, KH, KW, C] as ONNX's [O, C, KH, KW].
std::string Exporter::filterName(Operation *op) {
  Value filter = cast<nn::ConvOp>(op).getFilter();
  ArrayRef<int64_t> shape = typeOf(filter).getShape();
  List turned{shape[0], shape[3], shape[1], shape[2]};
  if (auto constant = encodedConstant(filter)) {
    EncodedTensor tensor = lowbit::encodedTensorOf(constant);
    bool byOutput = tensor.spec.granularity == Granularity::Channel &&
                    tensor.spec.axis == 0;
    if (!byOutput && tensor.spec.granularity != Granularity::Tensor)
      refuse(op, "its weight's scales do not lie along the outputs");
    tensor.codes = channelsFirst(tensor.codes, shape);
    tensor.shape = turned;
    return dequantizeConstant(tensor, "weight");
  }
  if (auto view = nn::ConstantView::of(filter))
    if (typeOf(filter).getElementType().isF32())
      return writer.constant("weight", Proto::FLOAT, turned,
                             channelsFirst(*view->values<float>(), shape));
  return imageName(filter);
}

Operation *Exporter::foldableBias(Operation *op) {
  Value y = op->getResult(0);
  if (!y.hasOneUse())
    return nullptr;
  auto add = dyn_cast<nn::AddOp>(*y.user_begin());
  if (!add || add.getType() != y.getType())
    return nullptr;
  Value other = add.getLhs() == y ? add.getRhs() : add.getLhs();
  auto view = nn::ConstantView::of(other);
  bool isVector = typeOf(other).getRank() == 1 &&
                  typeOf(other).getShape().back() == typeOf(y).getShape().back();
  return view && isVector && view->type().getElementType().isF32() ? add
                                                                   : nullptr;
}

// Beside codes on both sides the bias is i32 in units of their scales' product,
// which is what an integer kernel adds.
std::string Exporter::biasName(Operation *op, Operation *add) {
  Value y = op->getResult(0);
  Value other = add->getOperand(0) == y ? add->getOperand(1) : add->getOperand(0);
  auto conv = cast<nn::ConvOp>(op);
  auto constant = encodedConstant(conv.getFilter());
  auto decode = conv.getX().getDefiningOp<lowbit::DecodeOp>();
  auto encode = decode ? decode.getQ().getDefiningOp<lowbit::EncodeOp>()
                       : lowbit::EncodeOp();
  auto scale = encode ? nn::ConstantView::of(encode.getScales()) : std::nullopt;
  if (!constant || !scale || scale->numElements() != 1)
    return name(other);
  EncodedTensor weight = lowbit::encodedTensorOf(constant);
  std::vector<float> bias = *nn::ConstantView::of(other)->values<float>();
  std::vector<float> units(bias.size());
  std::vector<int32_t> codes(bias.size());
  float sx = scale->values<float>()->front();
  for (size_t i = 0; i < bias.size(); ++i) {
    units[i] = sx * weight.scales[weight.scales.size() == 1 ? 0 : i];
    double code = std::nearbyint(double(bias[i]) / units[i]);
    codes[i] = int32_t(std::clamp(code, double(INT32_MIN), double(INT32_MAX)));
  }
  int64_t size = bias.size();
  return writer.node(
      "DequantizeLinear",
      {writer.constant("bias", Proto::INT32, {size}, codes),
       writer.constant("bias_scale", Proto::FLOAT, {size}, units)},
      {{"axis", int64_t(0)}});
}

void Exporter::visitConv(Operation *op) {
  auto conv = cast<nn::ConvOp>(op);
  if (!typeOf(conv.getX()).getElementType().isF32())
    refuse(op, "convolutions of codes are not supported; export the model "
               "with --requantize");
  std::vector<std::string> inputs{imageName(conv.getX()), filterName(op)};
  Value result = conv.getResult();
  if (Operation *add = foldableBias(op)) {
    inputs.push_back(biasName(op, add));
    result = add->getResult(0);
    done.insert(add);
  }
  auto list = [](ArrayRef<int64_t> values) {
    return List(values.begin(), values.end());
  };
  setImage(result, writer.node("Conv", inputs,
                               {{"strides", list(conv.getStrides())},
                                {"pads", list(conv.getPads())},
                                {"dilations", list(conv.getDilations())},
                                {"group", int64_t(conv.getGroups())}}));
}

void Exporter::visitPool(Operation *op) {
  auto list = [&](StringRef attribute) {
    auto values = op->getAttrOfType<DenseI64ArrayAttr>(attribute);
    return List(values.asArrayRef().begin(), values.asArrayRef().end());
  };
  std::vector<Attribute> attributes{{"kernel_shape", list("kernel")}};
  for (StringRef attribute : {"strides", "pads", "dilations"})
    if (op->hasAttr(attribute))
      attributes.push_back({attribute, list(attribute)});
  StringRef onnxOp = "MaxPool";
  if (auto average = dyn_cast<nn::AvgPoolOp>(op)) {
    onnxOp = "AveragePool";
    attributes.push_back(
        {"count_include_pad", int64_t(average.getCountIncludePad())});
  }
  setImage(op->getResult(0),
           writer.node(onnxOp, {imageName(op->getOperand(0))}, attributes));
}

//===-- Products ----------------------------------------------------------------===//

// com.microsoft.MatMulNBits: [N, blocks, block / 2], zero points 8.
std::string Exporter::blockProduct(Value x, const EncodedTensor &w) {
  int64_t k = w.shape[0], n = w.shape[1], block = w.spec.block[0];
  int64_t blocks = k / block;
  std::vector<uint8_t> codes(w.codes.size());
  std::vector<float> scales(w.scales.size());
  for (int64_t column = 0; column < n; ++column) {
    for (int64_t row = 0; row < k; ++row)
      codes[column * k + row] = uint8_t(int8_t(w.codes[row * n + column]) + 8);
    for (int64_t g = 0; g < blocks; ++g)
      scales[column * blocks + g] = w.scales[g * n + column];
  }
  std::string weight =
      writer.constant("weight", Proto::UINT8, {n, blocks, block / 2},
                      packedNibbles(codes));
  std::string scale =
      writer.constant("scale", Proto::FLOAT, {n * blocks}, scales);
  return writer.node("MatMulNBits", {name(x), weight, scale},
                     {{"K", k},
                      {"N", n},
                      {"bits", int64_t(4)},
                      {"block_size", block},
                      {"accuracy_level", int64_t(4)}},
                     "com.microsoft");
}

// The arithmetic of quantize_rows, an integer product, and rescale.
std::string Exporter::rowProduct(Value x, const EncodedTensor &w) {
  auto node = [&](StringRef op, std::vector<std::string> inputs) {
    return writer.node(op, inputs);
  };
  std::string value = name(x);
  std::string top =
      node("ReduceMax", {node("Abs", {value}), writer.integers({-1})});
  std::string isZero = node("Equal", {top, writer.real(0)});
  std::string scale =
      node("Where", {isZero, writer.real(1),
                     node("Mul", {top, writer.real(1.0f / 127.0f)})});
  std::string factor =
      node("Where", {isZero, writer.real(0),
                     node("Div", {writer.real(127), top})});
  std::string scaled = node("Round", {node("Mul", {value, factor})});
  std::string bounded =
      node("Clip", {scaled, writer.real(-127), writer.real(127)});
  std::string codes = writer.node(
      "Cast", {node("Add", {bounded, writer.real(128)})},
      {{"to", int64_t(Proto::UINT8)}});
  std::string weight =
      writer.constant("weight", Proto::INT8, w.shape, bytesOf(w.codes));
  std::string middle =
      writer.constant("middle", Proto::UINT8, {}, StringRef("\x80", 1));
  std::string sums = node("MatMulInteger", {codes, weight, middle});
  std::string real =
      writer.node("Cast", {sums}, {{"to", int64_t(Proto::FLOAT)}});
  std::vector<int64_t> shape = w.spec.scaleShape(w.shape);
  std::string scales =
      writer.constant("scale", Proto::FLOAT, shape, w.scales);
  return node("Mul", {node("Mul", {real, scales}), scale});
}

// Blocks that MatMulNBits takes: a power of two from 16 on that divides K.
static bool fitsMatMulNBits(const EncodedTensor &w) {
  if (w.shape.size() != 2 || w.spec.granularity != Granularity::Block ||
      w.spec.zeroPoint ||
      w.spec.element != numerics::ElementFormat::makeInt(4) ||
      w.spec.blockAxis() != 0u)
    return false;
  int64_t block = w.spec.block[0];
  return block >= 16 && llvm::isPowerOf2_64(block) && w.shape[0] % block == 0;
}

void Exporter::visitMatMul(Operation *op) {
  auto matmul = cast<nn::MatMulOp>(op);
  if (!isa<FloatType>(typeOf(matmul.getLhs()).getElementType()))
    refuse(op, "products of codes are not supported; export the model with "
               "--requantize");
  auto constant = encodedConstant(matmul.getRhs());
  auto rows = encodedRows(matmul.getLhs());
  if (constant && profile == Profile::Ort) {
    EncodedTensor weight = lowbit::encodedTensorOf(constant);
    if (rows && fitsMatMulNBits(weight))
      return set(matmul, blockProduct(rows.getX(), weight));
    bool byOutput = weight.spec.granularity == Granularity::Channel &&
                    weight.spec.axis == 1 && !weight.spec.zeroPoint &&
                    weight.spec.element.isSigned();
    if (rows && byOutput)
      return set(matmul, rowProduct(rows.getX(), weight));
  }
  std::string weight =
      constant ? dequantizeConstant(lowbit::encodedTensorOf(constant), "weight")
               : name(matmul.getRhs());
  set(matmul, writer.node("MatMul", {name(matmul.getLhs()), weight}));
}

bool Exporter::visitContraction(Operation *op) {
  if (isa<nn::ConvOp>(op))
    visitConv(op);
  else if (isa<nn::MatMulOp>(op))
    visitMatMul(op);
  else
    return false;
  return true;
}

} // namespace qopt::onnx_export
