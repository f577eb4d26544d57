// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, the order of the graph, and elementwise ops.
#include "lib/Export/Exporter.h"
#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"
#include "lib/Support/Errors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FileSystem.h"
#include <limits>

using namespace mlir;

namespace qopt::onnx_export {

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static bool isOneElement(Value value) {
  RankedTensorType type = typeOf(value);
  return type.hasStaticShape() && type.getNumElements() == 1 &&
         type.getRank() <= 1;
}

static std::string locationName(Operation *op) {
  Location loc = op->getLoc();
  if (auto fused = dyn_cast<FusedLoc>(loc);
      fused && !fused.getLocations().empty())
    loc = fused.getLocations().front();
  auto named = dyn_cast<NameLoc>(loc);
  return named ? named.getName().str() : op->getName().stripDialect().str();
}

void Exporter::refuse(Operation *op, StringRef why) {
  throw ExportFailure{"'" + locationName(op) + "' (" +
                      op->getName().getStringRef().str() +
                      ") cannot be exported" +
                      (why.empty() ? "" : ": " + why.str())};
}

std::string Exporter::name(Value value) {
  if (auto found = plain.find(value); found != plain.end())
    return found->second;
  if (auto found = images.find(value); found != images.end()) {
    std::string image = found->second;
    return plain[value] = writer.node(
               "Transpose", {image},
               {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
  }
  if (nn::ConstantView::of(value))
    return plain[value] = writer.constant(value, "constant");
  Operation *op = value.getDefiningOp();
  auto decode = dyn_cast_if_present<lowbit::DecodeOp>(op);
  if (auto constant = decode ? decode.getQ().getDefiningOp<lowbit::ConstantOp>()
                             : lowbit::ConstantOp())
    return plain[value] = dequantizeConstant(lowbit::encodedTensorOf(constant),
                                             "constant");
  if (op)
    refuse(op);
  throw ExportFailure{"a value without a name cannot be exported"};
}

std::string Exporter::imageName(Value value) {
  if (auto found = images.find(value); found != images.end())
    return found->second;
  std::string plainName = name(value);
  return images[value] =
             writer.node("Transpose", {plainName},
                         {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
}

//===-- Elementwise --------------------------------------------------------===//

// Images follow channels-first operands where all others can stand beside them.
bool Exporter::canBeImages(Operation *op, ValueRange operands) const {
  if (typeOf(op->getResult(0)).getRank() != 4)
    return false;
  bool any = false;
  for (Value operand : operands) {
    auto type = typeOf(operand);
    if (type.getRank() == 4 && !nn::ConstantView::of(operand)) {
      if (!images.count(operand) &&
          type.getShape() != typeOf(op->getResult(0)).getShape())
        return false;
      any |= isImageOnly(operand);
      continue;
    }
    if (!isOneElement(operand) &&
        !(type.getRank() == 1 && nn::ConstantView::of(operand)))
      return false;
  }
  return any;
}

// A vector of channels becomes [C, 1, 1].
std::string Exporter::imageOperand(Value value) {
  RankedTensorType type = typeOf(value);
  if (type.getRank() == 4)
    return imageName(value);
  if (isOneElement(value))
    return name(value);
  auto view = nn::ConstantView::of(value);
  std::string bytes;
  int64_t copies = view->isSplat() ? view->numElements() : 1;
  for (int64_t copy = 0; copy < copies; ++copy)
    bytes.append(view->bytes().begin(), view->bytes().end());
  return writer.constant("channels", elementNumber(type.getElementType()),
                         {type.getDimSize(0), 1, 1}, bytes);
}

void Exporter::pointwise(Operation *op, ValueRange operands, Emit emit) {
  bool asImages = canBeImages(op, operands);
  std::vector<std::string> names;
  for (Value operand : operands)
    names.push_back(asImages ? imageOperand(operand) : name(operand));
  std::string result = emit(names);
  if (asImages)
    setImage(op->getResult(0), result);
  else
    set(op->getResult(0), result);
}

std::string Exporter::emitUnary(Operation *op, const std::string &x) {
  auto real = [&](const APFloat &value) { return value.convertToFloat(); };
  auto plainOp = [&](StringRef onnxOp) { return writer.node(onnxOp, {x}); };
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([&](nn::LeakyReluOp leaky) {
        return writer.node("LeakyRelu", {x},
                           {{"alpha", real(leaky.getAlpha())}});
      })
      .Case([&](nn::ClipOp clip) {
        std::string lo = std::isinf(real(clip.getLo()))
                             ? ""
                             : writer.real(real(clip.getLo()));
        std::string hi = std::isinf(real(clip.getHi()))
                             ? ""
                             : writer.real(real(clip.getHi()));
        return writer.node("Clip", {x, lo, hi});
      })
      .Case([&](nn::HardSigmoidOp hard) {
        return writer.node("HardSigmoid", {x},
                           {{"alpha", real(hard.getAlpha())},
                            {"beta", real(hard.getBeta())}});
      })
      .Case([&](nn::GeluTanhOp) {
        return writer.node("Gelu", {x},
                           {{"approximate", std::string("tanh")}});
      })
      .Case([&](nn::SiluOp) {
        return writer.node("Mul", {x, writer.node("Sigmoid", {x})});
      })
      .Case([&](nn::RsqrtOp) {
        return writer.node("Reciprocal", {writer.node("Sqrt", {x})});
      })
      .Case([&](nn::CastOp cast) {
        return writer.node("Cast", {x},
                           {{"to", int64_t(elementNumber(cast.getTo()))}});
      })
      .Case([&](nn::ReluOp) { return plainOp("Relu"); })
      .Case([&](nn::SigmoidOp) { return plainOp("Sigmoid"); })
      .Case([&](nn::TanhOp) { return plainOp("Tanh"); })
      .Case([&](nn::ErfOp) { return plainOp("Erf"); })
      .Case([&](nn::ExpOp) { return plainOp("Exp"); })
      .Case([&](nn::LogOp) { return plainOp("Log"); })
      .Case([&](nn::SqrtOp) { return plainOp("Sqrt"); })
      .Case([&](nn::ReciprocalOp) { return plainOp("Reciprocal"); })
      .Case([&](nn::NegOp) { return plainOp("Neg"); })
      .Case([&](nn::AbsOp) { return plainOp("Abs"); })
      .Case([&](nn::FloorOp) { return plainOp("Floor"); })
      .Case([&](nn::CeilOp) { return plainOp("Ceil"); })
      .Case([&](nn::RoundOp) { return plainOp("Round"); })
      .Case([&](nn::SinOp) { return plainOp("Sin"); })
      .Case([&](nn::CosOp) { return plainOp("Cos"); })
      .Case([&](nn::GeluOp) { return plainOp("Gelu"); })
      .Case([&](nn::SoftplusOp) { return plainOp("Softplus"); })
      .Case([&](nn::HardSwishOp) { return plainOp("HardSwish"); })
      .Case([&](nn::NotOp) { return plainOp("Not"); })
      .Default([](Operation *) { return std::string(); });
}

std::string Exporter::emitBinary(Operation *op, Names x) {
  StringRef onnxOp =
      llvm::TypeSwitch<Operation *, StringRef>(op)
          .Case([](nn::AddOp) { return "Add"; })
          .Case([](nn::SubOp) { return "Sub"; })
          .Case([](nn::MulOp) { return "Mul"; })
          .Case([](nn::DivOp) { return "Div"; })
          .Case([](nn::MinOp) { return "Min"; })
          .Case([](nn::MaxOp) { return "Max"; })
          .Case([](nn::PowOp) { return "Pow"; })
          .Case([](nn::EqualOp) { return "Equal"; })
          .Case([](nn::LessOp) { return "Less"; })
          .Case([](nn::LessEqualOp) { return "LessOrEqual"; })
          .Case([](nn::GreaterOp) { return "Greater"; })
          .Case([](nn::GreaterEqualOp) { return "GreaterOrEqual"; })
          .Case([](nn::AndOp) { return "And"; })
          .Case([](nn::OrOp) { return "Or"; })
          .Case([](nn::SelectOp) { return "Where"; })
          .Default([](Operation *) { return ""; });
  return onnxOp.empty() ? std::string() : writer.node(onnxOp, x);
}

bool Exporter::visitPointwise(Operation *op) {
  if (!op->hasTrait<nn::Pointwise>() || !isa<nn::NNDialect>(op->getDialect()))
    return false;
  pointwise(op, op->getOperands(), [&](Names x) {
    std::string result =
        x.size() == 1 ? emitUnary(op, x[0]) : emitBinary(op, x);
    if (result.empty())
      refuse(op);
    return result;
  });
  return true;
}

//===-- The graph -----------------------------------------------------------===//

void Exporter::visit(Operation *op) {
  writer.setOrigin(locationName(op));
  if (done.contains(op) || isa<arith::ConstantOp, lowbit::ConstantOp>(op))
    return;
  if (visitIndex(op) || visitQuantization(op) || visitContraction(op) ||
      visitPointwise(op) || visitMovement(op) || visitRows(op))
    return;
  refuse(op);
}

void Exporter::visitReturn(Operation *op) {
  writer.setOrigin("");
  for (auto [i, value] : llvm::enumerate(op->getOperands())) {
    auto nameAttr = function.getResultAttrOfType<StringAttr>(i, "nn.name");
    std::string wanted =
        nameAttr ? nameAttr.getValue().str() : "output_" + std::to_string(i);
    // Names are taken by then: every output gets a node of its own.
    onnx::NodeProto &node = *graph.add_node();
    node.set_op_type("Identity");
    node.set_name("output/" + wanted);
    node.add_input(name(value));
    node.add_output(wanted);
    *graph.add_output() = writer.valueInfo(
        wanted, value.getType(),
        function.getResultAttrOfType<ArrayAttr>(i, "nn.dims"));
  }
}

void Exporter::run() {
  graph.set_name("qopt");
  // Names of inputs and outputs are kept; nothing else may take them.
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (auto attr = function.getResultAttrOfType<StringAttr>(i, "nn.name"))
      writer.fresh(attr.getValue());
  for (BlockArgument argument : function.getArguments()) {
    unsigned i = argument.getArgNumber();
    auto attr = function.getArgAttrOfType<StringAttr>(i, "nn.name");
    std::string wanted =
        attr ? attr.getValue().str() : "input_" + std::to_string(i);
    writer.fresh(wanted);
    set(argument, wanted);
    *graph.add_input() =
        writer.valueInfo(wanted, argument.getType(),
                         function.getArgAttrOfType<ArrayAttr>(i, "nn.dims"));
  }
  for (Operation &op : function.getBody().front().without_terminator())
    visit(&op);
  visitReturn(function.getBody().front().getTerminator());
}

std::optional<Profile> parseProfile(StringRef name) {
  return llvm::StringSwitch<std::optional<Profile>>(name)
      .Case("ort", Profile::Ort)
      .Case("tensorrt", Profile::TensorRt)
      .Default(std::nullopt);
}

llvm::Error exportOnnx(ModuleOp module, Profile profile, StringRef path) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function || !function.getBody().hasOneBlock())
    return fail(ExitCode::Unsupported,
                "the module has no function @main of one block to export");
  onnx::ModelProto model;
  model.set_ir_version(10);
  model.set_producer_name("qopt");
  auto addOpset = [&](StringRef domain, int64_t version) {
    auto &opset = *model.add_opset_import();
    opset.set_domain(domain.str());
    opset.set_version(version);
  };
  addOpset("", 21);
  if (profile == Profile::Ort)
    addOpset("com.microsoft", 1);
  try {
    Exporter(function, profile, *model.mutable_graph()).run();
  } catch (const ExportFailure &failure) {
    return fail(ExitCode::Unsupported, "{0}", failure.message);
  }
  if (model.ByteSizeLong() > size_t(std::numeric_limits<int32_t>::max()))
    return fail(ExitCode::Resources,
                "the exported model exceeds the 2 GB of one ONNX file");
  std::string bytes = model.SerializeAsString();
  llvm::Error error = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << bytes;
    return llvm::Error::success();
  });
  if (!error)
    return error;
  return fail(ExitCode::IO, "cannot write '{0}': {1}", path,
              llvm::toString(std::move(error)));
}

} // namespace qopt::onnx_export
