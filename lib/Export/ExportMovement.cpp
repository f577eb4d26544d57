// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index arithmetic, data movement, reductions and ops on rows.
#include "lib/Export/Exporter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace qopt::onnx_export {

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===-- Numbers -------------------------------------------------------------===//

// Sizes are never negative, so that division rounding down truncates.
static StringRef integerOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](arith::AddIOp) { return "Add"; })
      .Case([](arith::SubIOp) { return "Sub"; })
      .Case([](arith::MulIOp) { return "Mul"; })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(
          [](auto) { return "Div"; })
      .Case<arith::RemSIOp, arith::RemUIOp>([](auto) { return "Mod"; })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([](auto) { return "Max"; })
      .Case<arith::MinSIOp, arith::MinUIOp>([](auto) { return "Min"; })
      .Default([](Operation *) { return ""; });
}

bool Exporter::visitIndex(Operation *op) {
  auto scalar = [&](Value value) {
    if (auto constant = getConstantIntValue(value))
      return writer.integer(*constant);
    return name(value);
  };
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    auto axis = dim.getConstantIndex();
    if (!axis)
      refuse(op);
    std::string shape = writer.node("Shape", {name(dim.getSource())});
    set(dim, writer.node("Gather", {shape, writer.integer(*axis)}));
    return true;
  }
  if (StringRef onnxOp = integerOp(op); !onnxOp.empty()) {
    set(op->getResult(0), writer.node(onnxOp, {scalar(op->getOperand(0)),
                                               scalar(op->getOperand(1))}));
    return true;
  }
  if (isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(op)) {
    std::string b = scalar(op->getOperand(1));
    std::string top = writer.node(
        "Add", {scalar(op->getOperand(0)),
                writer.node("Sub", {b, writer.integer(1)})});
    set(op->getResult(0), writer.node("Div", {top, b}));
    return true;
  }
  if (auto index = dyn_cast<arith::IndexCastOp>(op)) {
    set(index, writer.node("Cast", {scalar(index.getIn())},
                           {{"to", int64_t(elementNumber(index.getType()))}}));
    return true;
  }
  if (auto made = dyn_cast<tensor::FromElementsOp>(op)) {
    std::vector<std::string> elements;
    for (Value element : made.getElements())
      elements.push_back(scalar(element));
    ArrayRef<int64_t> shape = typeOf(made).getShape();
    set(made, writer.node("Reshape", {vectorOf(elements),
                                      writer.integers(shape)}));
    return true;
  }
  return false;
}

std::string Exporter::vectorOf(ArrayRef<std::string> scalars) {
  std::vector<std::string> parts;
  for (const std::string &scalar : scalars)
    parts.push_back(
        writer.node("Reshape", {scalar, writer.integers({1})}));
  return writer.node("Concat", parts, {{"axis", int64_t(0)}});
}

std::string Exporter::sizes(ArrayRef<int64_t> fixed, ValueRange dynamic) {
  if (dynamic.empty())
    return writer.integers(fixed);
  std::vector<std::string> scalars;
  size_t next = 0;
  for (int64_t size : fixed)
    scalars.push_back(ShapedType::isDynamic(size) ? name(dynamic[next++])
                                                  : writer.integer(size));
  return vectorOf(scalars);
}

//===-- Movement ------------------------------------------------------------===//

bool Exporter::visitMovement(Operation *op) {
  auto finish = [&](std::string result) {
    set(op->getResult(0), std::move(result));
    return true;
  };
  using List = std::vector<int64_t>;
  if (auto iota = dyn_cast<nn::IotaOp>(op);
      iota && iota.getStaticSizes().size() == 1) {
    std::string limit = iota.getSizes().empty()
                            ? writer.integer(iota.getStaticSizes()[0])
                            : name(iota.getSizes()[0]);
    return finish(
        writer.node("Range", {writer.integer(0), limit, writer.integer(1)}));
  }
  if (auto list = dyn_cast<nn::SizesOp>(op))
    return finish(sizes(list.getStaticSizes(), list.getSizes()));
  if (auto gather = dyn_cast<nn::GatherOp>(op))
    return finish(
        writer.node("Gather", {name(gather.getData()), name(gather.getIndices())},
                    {{"axis", int64_t(gather.getAxis())}}));
  if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
    return finish(writer.node(
        "Reshape", {name(reshape.getX()),
                    sizes(reshape.getStaticSizes(), reshape.getSizes())}));
  if (auto expand = dyn_cast<nn::BroadcastToOp>(op))
    return finish(writer.node(
        "Expand", {name(expand.getX()),
                   sizes(expand.getStaticSizes(), expand.getSizes())}));
  if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
    ArrayRef<int64_t> perm = transpose.getPerm();
    if (isImageOnly(transpose.getX()) && perm == ArrayRef<int64_t>{0, 3, 1, 2})
      return finish(imageName(transpose.getX()));
    return finish(writer.node("Transpose", {name(transpose.getX())},
                              {{"perm", List(perm.begin(), perm.end())}}));
  }
  if (auto concat = dyn_cast<nn::ConcatOp>(op)) {
    std::vector<std::string> parts;
    bool images = llvm::all_of(concat.getInputs(),
                               [&](Value x) { return isImageOnly(x); });
    for (Value part : concat.getInputs())
      parts.push_back(images ? imageName(part) : name(part));
    constexpr int64_t imageAxis[] = {0, 2, 3, 1};
    int64_t axis = concat.getAxis();
    std::string result = writer.node(
        "Concat", parts, {{"axis", images ? imageAxis[axis] : axis}});
    if (!images)
      return finish(result);
    setImage(op->getResult(0), result);
    return true;
  }
  if (auto slice = dyn_cast<nn::SliceOp>(op)) {
    ArrayRef<int64_t> steps = slice.getStrides();
    List axes;
    for (int64_t axis = 0; axis < int64_t(steps.size()); ++axis)
      axes.push_back(axis);
    std::string starts = sizes(slice.getStaticOffsets(), slice.getOffsets());
    std::string strides = writer.integers(steps);
    std::string spans = writer.node(
        "Mul", {sizes(slice.getStaticSizes(), slice.getSizes()), strides});
    std::string ends = writer.node("Add", {starts, spans});
    // Backwards to the first element, the end is before 0: below any index.
    if (llvm::any_of(steps, [](int64_t step) { return step < 0; }))
      ends = writer.node(
          "Where", {writer.node("Less", {ends, writer.integer(0)}),
                    writer.integer(std::numeric_limits<int64_t>::min() + 1),
                    ends});
    return finish(writer.node("Slice", {name(slice.getX()), starts, ends,
                                        writer.integers(axes), strides}));
  }
  if (auto pad = dyn_cast<nn::PadOp>(op)) {
    List pads(pad.getLow().begin(), pad.getLow().end());
    pads.insert(pads.end(), pad.getHigh().begin(), pad.getHigh().end());
    std::vector<std::string> inputs{name(pad.getX()), writer.integers(pads)};
    if (typeOf(pad.getX()).getElementType().isF32())
      inputs.push_back(writer.real(pad.getValue().convertToFloat()));
    return finish(writer.node(
        "Pad", inputs, {{"mode", stringifyPadMode(pad.getMode()).str()}}));
  }
  return false;
}

//===-- Reductions and rows ---------------------------------------------------===//

void Exporter::visitReduce(Operation *op) {
  auto axesAttr = op->getAttrOfType<DenseI64ArrayAttr>("axes");
  auto keepAttr = op->getAttrOfType<BoolAttr>("keepdims");
  bool keep = !keepAttr || keepAttr.getValue();
  SmallVector<int64_t> axes(axesAttr.asArrayRef());
  StringRef onnxOp = llvm::TypeSwitch<Operation *, StringRef>(op)
                         .Case([](nn::ReduceSumOp) { return "ReduceSum"; })
                         .Case([](nn::ReduceMeanOp) { return "ReduceMean"; })
                         .Case([](nn::ReduceMaxOp) { return "ReduceMax"; })
                         .Default([](Operation *) { return "ReduceMin"; });
  Value x = op->getOperand(0);
  // Over the pixels of an image.
  bool image = isImageOnly(x) && axes == SmallVector<int64_t>{1, 2};
  if (image)
    axes = {2, 3};
  std::string result =
      writer.node(onnxOp, {image ? imageName(x) : name(x), writer.integers(axes)},
                  {{"keepdims", int64_t(keep)}});
  if (image && keep)
    setImage(op->getResult(0), result);
  else
    set(op->getResult(0), result);
}

bool Exporter::visitRows(Operation *op) {
  auto finish = [&](std::string result) {
    set(op->getResult(0), std::move(result));
    return true;
  };
  if (isa<nn::ReduceSumOp, nn::ReduceMeanOp, nn::ReduceMaxOp, nn::ReduceMinOp>(
          op)) {
    visitReduce(op);
    return true;
  }
  if (isa<nn::MaxPoolOp, nn::AvgPoolOp>(op)) {
    visitPool(op);
    return true;
  }
  if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
    return finish(writer.node("Softmax", {name(softmax.getX())},
                              {{"axis", int64_t(-1)}}));
  if (auto norm = dyn_cast<nn::LayerNormOp>(op)) {
    std::vector<std::string> inputs{name(norm.getX()), name(norm.getGain())};
    if (norm.getBias())
      inputs.push_back(name(norm.getBias()));
    return finish(
        writer.node("LayerNormalization", inputs,
                    {{"axis", int64_t(-1)},
                     {"epsilon", norm.getEpsilon().convertToFloat()}}));
  }
  if (auto norm = dyn_cast<nn::RMSNormOp>(op)) {
    std::string x = name(norm.getX());
    std::string mean = writer.node(
        "ReduceMean", {writer.node("Mul", {x, x}), writer.integers({-1})});
    std::string root = writer.node(
        "Sqrt",
        {writer.node("Add",
                     {mean, writer.real(norm.getEpsilon().convertToFloat())})});
    std::string scaled = writer.node("Div", {x, root});
    return finish(writer.node("Mul", {scaled, name(norm.getGain())}));
  }
  if (auto attention = dyn_cast<nn::AttentionOp>(op)) {
    std::vector<int64_t> perm;
    for (int64_t axis = 0; axis < typeOf(attention.getK()).getRank(); ++axis)
      perm.push_back(axis);
    std::swap(perm.end()[-1], perm.end()[-2]);
    std::string keys =
        writer.node("Transpose", {name(attention.getK())}, {{"perm", perm}});
    std::string scores = writer.node("MatMul", {name(attention.getQ()), keys});
    scores = writer.node(
        "Mul", {scores, writer.real(attention.getScale().convertToFloat())});
    if (attention.getMask())
      scores = writer.node("Add", {scores, name(attention.getMask())});
    std::string weights =
        writer.node("Softmax", {scores}, {{"axis", int64_t(-1)}});
    return finish(writer.node("MatMul", {weights, name(attention.getV())}));
  }
  return false;
}

} // namespace qopt::onnx_export
