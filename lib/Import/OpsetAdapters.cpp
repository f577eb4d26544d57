// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Old opsets, one row a change of an op's form. Of several rows of an op the
// oldest comes first.
#include "lib/Import/OpsetAdapters.h"
#include "lib/Import/OpTable.h"
#include "lib/Numerics/ElementArithmetic.h"

using namespace llvm;
using mlir::Value;

namespace qopt::import {
namespace {

// An attribute of integers that became input `i`.
void integersToInput(NodeImport &node, StringRef name, size_t i) {
  if (!node.hasAttribute(name))
    return;
  Scalars elements;
  for (int64_t value : node.integers(name))
    elements.push_back(Scalar::ofInt(value));
  node.setInput(i, SmallTensor::vector(elements));
  node.removeAttribute(name);
}

void realToInput(NodeImport &node, StringRef name, size_t i) {
  if (!node.hasAttribute(name))
    return;
  node.setInput(i, SmallTensor::scalar(Scalar::ofFloat(node.real(name, 0)),
                                       OnnxType::Float));
  node.removeAttribute(name);
}

void axesToInput(NodeImport &node) { integersToInput(node, "axes", 1); }

void adaptClip(NodeImport &node) {
  realToInput(node, "min", 1);
  realToInput(node, "max", 2);
}

void adaptSlice(NodeImport &node) {
  integersToInput(node, "starts", 1);
  integersToInput(node, "ends", 2);
  integersToInput(node, "axes", 3);
}

void adaptPad(NodeImport &node) {
  integersToInput(node, "pads", 1);
  realToInput(node, "value", 2);
}

void adaptSplit(NodeImport &node) { integersToInput(node, "split", 1); }

// Before opset 13 softmax flattened the axes from `axis` on, which was 1.
void adaptSoftmax(NodeImport &node) {
  node.setInteger("axis", node.integer("axis", 1));
  node.setInteger("flatten_trailing", 1);
}

// Before opset 9 one could ask for statistics per element, not per channel.
void adaptBatchNorm(NodeImport &node) {
  if (node.integer("spatial", 1) != 1)
    node.unsupported("spatial = 0 is not supported; export the model again "
                     "with opset 9 or later");
}

// Before opset 14 the second output onwards meant training.
void adaptBatchNormOutputs(NodeImport &node) {
  for (size_t i = 1; i < node.numOutputs(); ++i)
    node.rejectOutput(i, "training statistics");
}

// Before opset 7 operands were broadcast only on request, the second one's axes
// standing from `axis` on.
void adaptBroadcast(NodeImport &node) {
  if (!node.integer("broadcast", 0) || !node.hasAttribute("axis"))
    return;
  mlir::Value a = node.input(0), b = node.input(1);
  int64_t axis = node.axis(node.integer("axis", 0), node.rank(a));
  Scalars sizes = node.dims(b);
  int64_t missing = node.rank(a) - axis - node.rank(b);
  if (missing < 0)
    node.bad("the second operand has too many axes for axis = " + Twine(axis));
  sizes.append(missing, Scalar::ofInt(1));
  node.setInput(1, node.reshape(b, sizes));
}

// Before opset 7 a slope a channel was a vector; now it broadcasts.
void adaptPRelu(NodeImport &node) {
  mlir::Value x = node.input(0), slope = node.input(1);
  if (node.rank(slope) != 1 || node.rank(x) < 2 ||
      node.typeOf(slope).getDimSize(0) == 1)
    return;
  Scalars sizes(node.rank(x) - 1, Scalar::ofInt(1));
  sizes[0] = node.dims(slope)[0];
  node.setInput(1, node.reshape(slope, sizes));
}

// Before opset 7 statistics were those of training unless said otherwise.
void adaptBatchNormTest(NodeImport &node) {
  if (!node.integer("is_test", 0))
    node.unsupported("is_test = 0 is not supported; export the model in "
                     "evaluation mode");
}

void adaptUpsample(NodeImport &node) {
  if (!node.hasAttribute("scales"))
    return;
  Scalars scales;
  for (double scale : node.reals("scales"))
    scales.push_back(Scalar::ofFloat(scale));
  node.setInput(1, SmallTensor::vector(scales, OnnxType::Float));
}

// Opset 10 had the scales where the region of interest is now, and rounded
// down from the corner.
void adaptResize(NodeImport &node) {
  node.moveInput(1, 2);
  node.setText("coordinate_transformation_mode", "asymmetric");
  node.setText("nearest_mode", "floor");
}

void adaptTopK(NodeImport &node) {
  node.setInput(1, SmallTensor::scalar(Scalar::ofInt(node.integer("k", 0))));
  node.removeAttribute("k");
}

// Before opset 16 regions were not moved by half a pixel.
void adaptRoiAlign(NodeImport &node) {
  node.setText("coordinate_transformation_mode", "output_half_pixel");
}

// Before opset 20 the axis was an attribute, and the first after the batch.
void adaptDFT(NodeImport &node) {
  node.setInteger("axis", node.integer("axis", 1));
}

// Before opset 6 types had names.
void adaptCast(NodeImport &node) {
  std::string name = node.text("to", "");
  for (int64_t type = 1; isKnown(OnnxType(type)); ++type)
    if (nameOf(OnnxType(type)) == StringRef(name).lower())
      return node.setInteger("to", type);
  node.bad("expected 'to' to name an element type, found '" + Twine(name) +
           "'");
}

void adaptConcat(NodeImport &node) {
  node.setInteger("axis", node.integer("axis", 1));
}

// In opset 1 the power was a float.
void adaptPower(NodeImport &node) {
  double power = node.real("p", 2);
  if (!(power > 0 && power < 1 << 20) || power != std::floor(power))
    node.unsupported("p = " + Twine(std::to_string(power)) +
                     " is not supported; expected an integer");
  node.setInteger("p", int64_t(power));
}

void adaptPaddings(NodeImport &node) { integersToInput(node, "paddings", 1); }

void adaptReshape(NodeImport &node) { integersToInput(node, "shape", 1); }

// Before opset 6 one axis was repeated; its number and how often are floats.
void adaptTile(NodeImport &node) {
  std::optional<double> times = node.constantReal(1),
                        axis = node.constantReal(2);
  if (!times || !axis)
    node.unsupported("tiles or axis depends on the input data; expected "
                     "constants");
  Value x = node.input(0);
  Scalars repeats(node.rank(x), Scalar::ofInt(1));
  repeats[node.axis(numerics::truncated<int64_t>(*axis), node.rank(x))] =
      Scalar::ofInt(numerics::truncated<int64_t>(*times));
  node.setInputs({x, x});
  node.setInput(1, SmallTensor::vector(repeats));
}

// Before opset 7 height and width were scaled by attributes of their own.
void adaptUpsampleSizes(NodeImport &node) {
  if (!node.hasAttribute("height_scale") || !node.hasAttribute("width_scale"))
    return;
  node.setInput(1, SmallTensor::vector(
                       {Scalar::ofFloat(1), Scalar::ofFloat(1),
                        Scalar::ofFloat(node.real("height_scale", 1)),
                        Scalar::ofFloat(node.real("width_scale", 1))},
                       OnnxType::Float));
}

struct Row {
  StringLiteral op;
  int64_t before; // applies to opsets below this one
  void (*adapt)(NodeImport &);
};

constexpr Row rows[] = {
    {"Add", 7, adaptBroadcast},
    {"And", 7, adaptBroadcast},
    {"BatchNormalization", 7, adaptBatchNormTest},
    {"BatchNormalization", 9, adaptBatchNorm},
    {"BatchNormalization", 14, adaptBatchNormOutputs},
    {"Cast", 6, adaptCast},
    {"Clip", 11, adaptClip},
    {"Concat", 4, adaptConcat},
    {"DFT", 20, adaptDFT},
    {"Div", 7, adaptBroadcast},
    {"Equal", 7, adaptBroadcast},
    {"GlobalLpPool", 2, adaptPower},
    {"Greater", 7, adaptBroadcast},
    {"Hardmax", 13, adaptSoftmax},
    {"Less", 7, adaptBroadcast},
    {"LogSoftmax", 13, adaptSoftmax},
    {"LpPool", 2, adaptPower},
    {"Mul", 7, adaptBroadcast},
    {"Or", 7, adaptBroadcast},
    {"PRelu", 7, adaptPRelu},
    {"Pad", 2, adaptPaddings},
    {"Pad", 11, adaptPad},
    {"Pow", 7, adaptBroadcast},
    {"ReduceL1", 18, axesToInput},
    {"ReduceL2", 18, axesToInput},
    {"ReduceLogSum", 18, axesToInput},
    {"ReduceLogSumExp", 18, axesToInput},
    {"ReduceMax", 18, axesToInput},
    {"ReduceMean", 18, axesToInput},
    {"ReduceMin", 18, axesToInput},
    {"ReduceProd", 18, axesToInput},
    {"ReduceSum", 13, axesToInput},
    {"ReduceSumSquare", 18, axesToInput},
    {"Reshape", 5, adaptReshape},
    {"Resize", 11, adaptResize},
    {"RoiAlign", 16, adaptRoiAlign},
    {"Slice", 10, adaptSlice},
    {"Softmax", 13, adaptSoftmax},
    {"Split", 13, adaptSplit},
    {"Squeeze", 13, axesToInput},
    {"Sub", 7, adaptBroadcast},
    {"Tile", 6, adaptTile},
    {"TopK", 10, adaptTopK},
    {"Unsqueeze", 13, axesToInput},
    {"Upsample", 7, adaptUpsampleSizes},
    {"Upsample", 9, adaptUpsample},
    {"Xor", 7, adaptBroadcast},
};
} // namespace

void adaptToNewestOpset(NodeImport &node) {
  for (const Row &row : rows)
    if (row.op == node.op() && node.opset() < row.before)
      row.adapt(node);
}

} // namespace qopt::import
