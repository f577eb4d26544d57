// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Old opsets, one row a change of an op's form.
#include "lib/Import/OpsetAdapters.h"
#include "lib/Import/OpTable.h"

using namespace llvm;

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

void adaptUpsample(NodeImport &node) {
  if (!node.hasAttribute("scales"))
    return;
  Scalars scales;
  for (double scale : node.reals("scales"))
    scales.push_back(Scalar::ofFloat(scale));
  node.setInput(1, SmallTensor::vector(scales, OnnxType::Float));
}

struct Row {
  StringLiteral op;
  int64_t before; // applies to opsets below this one
  void (*adapt)(NodeImport &);
};

constexpr Row rows[] = {
    {"BatchNormalization", 9, adaptBatchNorm},
    {"BatchNormalization", 14, adaptBatchNormOutputs},
    {"Clip", 11, adaptClip},
    {"LogSoftmax", 13, adaptSoftmax},
    {"Pad", 11, adaptPad},
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
    {"Slice", 10, adaptSlice},
    {"Softmax", 13, adaptSoftmax},
    {"Split", 13, adaptSplit},
    {"Squeeze", 13, axesToInput},
    {"Unsqueeze", 13, axesToInput},
    {"Upsample", 9, adaptUpsample},
};
} // namespace

void adaptToNewestOpset(NodeImport &node) {
  for (const Row &row : rows)
    if (row.op == node.op() && node.opset() < row.before)
      row.adapt(node);
}

} // namespace qopt::import
