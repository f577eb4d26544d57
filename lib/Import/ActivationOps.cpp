// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activation functions: those the dialect has, and those made of a few ops.
#include "lib/Import/OpTable.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace qopt::import {
namespace {

template <typename OpTy> void importPlain(NodeImport &node) {
  node.result(node.create<OpTy>(node.input(0)));
}

NamedAttribute real(NodeImport &node, StringRef name, double value) {
  return node.attr(name, node.builder().getF32FloatAttr(float(value)));
}

void importRelu(NodeImport &node) {
  Value x = node.input(0);
  if (node.isFloat(x))
    return node.result(node.create<nn::ReluOp>(x));
  node.result(node.create<nn::MaxOp>({x, node.splat(0, x)}));
}

void importLeakyRelu(NodeImport &node) {
  node.result(node.create<nn::LeakyReluOp>(
      node.input(0), {real(node, "alpha", node.real("alpha", 0.01))}));
}

// slope * x below zero; the slope has one entry a channel or one in all.
void importPRelu(NodeImport &node) {
  Value x = node.input(0), slope = node.input(1);
  Value zero = node.splat(0, x);
  Value positive = node.create<nn::ReluOp>(x);
  Value negative = node.create<nn::MinOp>({x, zero});
  Value scaled = node.create<nn::MulOp>({negative, slope});
  node.result(node.create<nn::AddOp>({positive, scaled}));
}

void importClip(NodeImport &node) {
  Value x = node.input(0);
  double infinity = std::numeric_limits<double>::infinity();
  std::optional<double> lo = -infinity, hi = infinity;
  for (size_t i : {1, 2})
    if (node.hasInput(i) && node.rank(node.input(i)) != 0 &&
        node.typeOf(node.input(i)).getNumElements() != 1)
      node.bad("expected min and max to be scalars");
  if (node.hasInput(1))
    lo = node.constantReal(1);
  if (node.hasInput(2))
    hi = node.constantReal(2);
  // The bounds of nn.clip are float32.
  if (lo && hi && node.isFloat(x) && !node.elementOf(x).isF64()) {
    if (*lo == 0 && *hi == infinity)
      return node.result(node.create<nn::ReluOp>(x));
    if (*lo == -infinity && *hi == infinity)
      return node.forward(0);
    return node.result(node.create<nn::ClipOp>(
        x, {real(node, "lo", *lo), real(node, "hi", *hi)}));
  }
  if (node.hasInput(1))
    x = node.create<nn::MaxOp>({x, node.input(1)});
  if (node.hasInput(2))
    x = node.create<nn::MinOp>({x, node.input(2)});
  node.result(x);
}

void importHardSigmoid(NodeImport &node) {
  node.result(node.create<nn::HardSigmoidOp>(
      node.input(0), {real(node, "alpha", node.real("alpha", 0.2)),
                      real(node, "beta", node.real("beta", 0.5))}));
}

// Of f64, whose constants the dialect's ops do not hold.
Value geluOfDoubles(NodeImport &node, Value x, bool byTanh) {
  auto mul = [&](Value a, Value b) { return node.create<nn::MulOp>({a, b}); };
  auto scaled = [&](Value v, double by) { return mul(v, node.splat(by, x)); };
  Value inner = scaled(x, std::sqrt(0.5));
  if (byTanh) {
    Value cube = scaled(mul(mul(x, x), x), 0.044715);
    inner = scaled(node.create<nn::AddOp>({x, cube}),
                   0.79788456080286535588); // sqrt(2 / pi)
  }
  Value gate = byTanh ? node.create<nn::TanhOp>(inner)
                      : node.create<nn::ErfOp>(inner);
  Value one = node.splat(1, x);
  return mul(scaled(x, 0.5), node.create<nn::AddOp>({gate, one}));
}

void importGelu(NodeImport &node) {
  bool byTanh = node.text("approximate", "none") == "tanh";
  if (node.elementOf(node.input(0)).isF64())
    return node.result(geluOfDoubles(node, node.input(0), byTanh));
  if (byTanh)
    return importPlain<nn::GeluTanhOp>(node);
  importPlain<nn::GeluOp>(node);
}

// x * min(max(x / 6 + 1 / 2, 0), 1).
void importHardSwish(NodeImport &node) {
  Value x = node.input(0);
  if (!node.elementOf(x).isF64())
    return importPlain<nn::HardSwishOp>(node);
  Value line = node.create<nn::MulOp>({x, node.splat(1.0 / 6, x)});
  line = node.create<nn::AddOp>({line, node.splat(0.5, x)});
  line = node.create<nn::MaxOp>({line, node.splat(0, x)});
  line = node.create<nn::MinOp>({line, node.splat(1, x)});
  node.result(node.create<nn::MulOp>({x, line}));
}

// alpha * (exp(x) - 1) below zero, gamma times all of it.
void importEluFamily(NodeImport &node, double alpha, double gamma) {
  Value x = node.input(0), zero = node.splat(0, x);
  Value below = node.create<nn::MinOp>({x, zero});
  Value grown = node.create<nn::ExpOp>(below);
  grown = node.create<nn::SubOp>({grown, node.splat(1, x)});
  if (alpha * gamma != 1)
    grown = node.create<nn::MulOp>({grown, node.splat(alpha * gamma, x)});
  Value above = node.create<nn::ReluOp>(x);
  if (gamma != 1)
    above = node.create<nn::MulOp>({above, node.splat(gamma, x)});
  node.result(node.create<nn::AddOp>({above, grown}));
}

void importElu(NodeImport &node) {
  importEluFamily(node, node.real("alpha", 1), 1);
}

// Before opset 6 the constants had four digits.
void importSelu(NodeImport &node) {
  bool isOld = node.opset() < 6;
  double alpha = isOld ? 1.6732f : 1.67326319217681884765625;
  double gamma = isOld ? 1.0507f : 1.05070102214813232421875;
  importEluFamily(node, node.real("alpha", alpha), node.real("gamma", gamma));
}

// max(0, x) + min(0, alpha * (exp(x / alpha) - 1))
void importCelu(NodeImport &node) {
  double alpha = node.real("alpha", 1);
  if (alpha == 1)
    return importEluFamily(node, 1, 1);
  Value x = node.input(0);
  Value below = node.create<nn::MinOp>({x, node.splat(0, x)});
  Value grown = node.create<nn::ExpOp>(
      node.create<nn::DivOp>({below, node.splat(alpha, x)}));
  grown = node.create<nn::MulOp>(
      {node.create<nn::SubOp>({grown, node.splat(1, x)}),
       node.splat(alpha, x)});
  node.result(
      node.create<nn::AddOp>({node.create<nn::ReluOp>(x), grown}));
}

// x where it is above alpha, else 0.
void importThresholdedRelu(NodeImport &node) {
  Value x = node.input(0);
  Value above =
      node.create<nn::GreaterOp>({x, node.splat(node.real("alpha", 1), x)});
  node.result(node.create<nn::SelectOp>({above, x, node.splat(0, x)}));
}

// x + bias below -lambd, x - bias above lambd, 0 between.
void importShrink(NodeImport &node) {
  Value x = node.input(0), zero = node.splat(0, x);
  double lambda = node.real("lambd", 0.5), bias = node.real("bias", 0);
  auto moved = [&](double by) {
    return bias ? node.create<nn::AddOp>({x, node.splat(by, x)}) : x;
  };
  Value below = node.create<nn::LessOp>({x, node.splat(-lambda, x)});
  Value above = node.create<nn::GreaterOp>({x, node.splat(lambda, x)});
  Value upper = node.create<nn::SelectOp>({above, moved(-bias), zero});
  node.result(node.create<nn::SelectOp>({below, moved(bias), upper}));
}

void importSoftsign(NodeImport &node) {
  Value x = node.input(0);
  Value size = node.create<nn::AbsOp>(x);
  Value below = node.create<nn::AddOp>({size, node.splat(1, x)});
  node.result(node.create<nn::DivOp>({x, below}));
}

void importMish(NodeImport &node) {
  Value x = node.input(0);
  Value bent = node.create<nn::TanhOp>(node.create<nn::SoftplusOp>(x));
  node.result(node.create<nn::MulOp>({x, bent}));
}

constexpr OpEntry rows[] = {
    {"Celu", 1, 1, importCelu},
    {"Clip", 1, 3, importClip},
    {"Elu", 1, 1, importElu},
    {"Gelu", 1, 1, importGelu},
    {"HardSigmoid", 1, 1, importHardSigmoid},
    {"HardSwish", 1, 1, importHardSwish},
    {"LeakyRelu", 1, 1, importLeakyRelu},
    {"Mish", 1, 1, importMish},
    {"PRelu", 2, 2, importPRelu},
    {"Relu", 1, 1, importRelu},
    {"Selu", 1, 1, importSelu},
    {"Sigmoid", 1, 1, importPlain<nn::SigmoidOp>},
    {"Shrink", 1, 1, importShrink},
    {"Softplus", 1, 1, importPlain<nn::SoftplusOp>},
    {"Softsign", 1, 1, importSoftsign},
    {"Tanh", 1, 1, importPlain<nn::TanhOp>},
    {"ThresholdedRelu", 1, 1, importThresholdedRelu},
};
} // namespace

ArrayRef<OpEntry> activationOps() { return rows; }

} // namespace qopt::import
