// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fused operators that ONNX Runtime's transformer optimizer writes.
#include "lib/Import/Contractions.h"
#include "lib/Import/Normalizations.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Quantization.h"

using namespace mlir;

namespace qopt::import {
namespace {

Value withBias(NodeImport &node, size_t i) {
  Value x = node.input(0);
  return node.hasInput(i) ? node.create<nn::AddOp>({x, node.input(i)}) : x;
}

void importGelu(NodeImport &node) {
  node.result(node.create<nn::GeluOp>(node.input(0)));
}

void importBiasGelu(NodeImport &node) {
  node.result(node.create<nn::GeluOp>(withBias(node, 1)));
}

void importFastGelu(NodeImport &node) {
  node.result(node.create<nn::GeluTanhOp>(withBias(node, 1)));
}

void importQuickGelu(NodeImport &node) {
  Value x = node.input(0);
  double alpha = node.real("alpha", 1.702);
  Value gate = node.create<nn::SigmoidOp>(scaleBy(node, x, alpha));
  node.result(node.create<nn::MulOp>({x, gate}));
}

void importFusedMatMul(NodeImport &node) {
  Value a = node.input(0), b = node.input(1);
  if (node.integer("transBatchA", 0) || node.integer("transBatchB", 0))
    node.unsupported("transposed batch axes are not supported");
  if (node.integer("transA", 0))
    a = transposeLastTwo(node, a);
  if (node.integer("transB", 0))
    b = transposeLastTwo(node, b);
  node.result(scaleBy(node, importProduct(node, a, b), node.real("alpha", 1)));
}

// norm(input + skip [+ bias]); the sum is output 3.
Value skipSum(NodeImport &node, size_t biasInput) {
  Value sum = node.create<nn::AddOp>({node.input(0), node.input(1)});
  if (node.hasInput(biasInput))
    sum = node.create<nn::AddOp>({sum, node.input(biasInput)});
  node.rejectOutput(1, "mean");
  node.rejectOutput(2, "inv_std_var");
  node.result(sum, 3);
  return sum;
}

void importSkipLayerNorm(NodeImport &node) {
  Value sum = skipSum(node, 4);
  Value bias = node.hasInput(3) ? node.input(3) : Value();
  node.result(layerNorm(node, sum, node.input(2), bias,
                        node.real("epsilon", 1e-5), node.rank(sum) - 1));
}

void importSkipRMSNorm(NodeImport &node) {
  Value sum = skipSum(node, 3);
  node.result(rmsNorm(node, sum, node.input(2), node.real("epsilon", 1e-5),
                      node.rank(sum) - 1));
}

Value activate(NodeImport &node, StringRef name, ArrayRef<double> params,
               Value x) {
  auto param = [&](size_t i, StringRef attribute) {
    if (i >= params.size())
      node.bad("expected " + Twine(i + 1) + " activation_params, found " +
               Twine(params.size()));
    return node.attr(attribute,
                     node.builder().getF32FloatAttr(float(params[i])));
  };
  if (name.empty())
    return x;
  if (name == "Relu")
    return node.create<nn::ReluOp>(x);
  if (name == "Tanh")
    return node.create<nn::TanhOp>(x);
  if (name == "Sigmoid")
    return node.create<nn::SigmoidOp>(x);
  if (name == "LeakyRelu")
    return node.create<nn::LeakyReluOp>(x, {param(0, "alpha")});
  if (name == "Clip")
    return node.create<nn::ClipOp>(x, {param(0, "lo"), param(1, "hi")});
  if (name == "HardSigmoid")
    return node.create<nn::HardSigmoidOp>(
        x, {param(0, "alpha"), param(1, "beta")});
  node.unsupported("activation '" + name + "' is not supported");
}

// activation(conv(x, w) [+ b] [+ z]).
void importFusedConv(NodeImport &node) {
  SmallVector<Value> operands{node.input(0), node.input(1)};
  if (node.hasInput(2))
    operands.push_back(node.input(2));
  Value added = node.hasInput(3) ? node.input(3) : Value();
  std::string name = node.text("activation", "");
  SmallVector<double> params = node.reals("activation_params");
  Value y = importAs(node, "Conv", operands);
  if (added)
    y = node.create<nn::AddOp>({y, added});
  node.result(activate(node, name, params, y));
}

constexpr OpEntry rows[] = {
    {"BiasGelu", 2, 2, importBiasGelu},
    {"FastGelu", 1, 2, importFastGelu},
    {"FusedConv", 2, 4, importFusedConv},
    {"FusedMatMul", 2, 2, importFusedMatMul},
    {"Gelu", 1, 1, importGelu},
    {"QuickGelu", 1, 1, importQuickGelu},
    {"SkipLayerNormalization", 3, 5, importSkipLayerNorm},
    {"SkipSimplifiedLayerNormalization", 3, 4, importSkipRMSNorm},
};
} // namespace

ArrayRef<OpEntry> contribOps() { return rows; }

} // namespace qopt::import
