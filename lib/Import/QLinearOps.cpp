// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops on quantized tensors of the domain com.microsoft. Most are an op of the
// standard between DequantizeLinear and QuantizeLinear; products run on
// integers.
#include "lib/Import/Contractions.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Quantization.h"

using namespace mlir;

namespace qopt::import {
namespace {

// The input at `i`, its scale and zero point after it.
Value dequantized(NodeImport &node, size_t i) {
  return dequantize(node, node.input(i), quantSource(node, i + 1, i + 2));
}

// `y` as codes of the scale and zero point at `scale`; the type of codes is
// that of the zero point, or of `codes`.
void quantizedResult(NodeImport &node, Value y, size_t scale, Value codes) {
  QuantSource source = quantSource(node, scale, scale + 1);
  Type code = node.elementOf(source.zero ? source.zero : codes);
  node.result(quantize(node, y, source, code));
}

template <typename OpTy> void importQLinearBinary(NodeImport &node) {
  Value y = node.create<OpTy>({dequantized(node, 0), dequantized(node, 3)});
  quantizedResult(node, y, 6, node.input(0));
}

// An op of the standard with the attributes of the node, one operand.
template <const char *op> void importQLinearUnary(NodeImport &node) {
  if (node.integer("channels_last", 0))
    node.unsupported("channels_last is not supported");
  Value codes = node.input(0);
  QuantSource output = quantSource(node, 3, 4);
  Value y = importAs(node, op, dequantized(node, 0));
  node.result(quantize(
      node, y, output, node.elementOf(output.zero ? output.zero : codes)));
}

constexpr char sigmoid[] = "Sigmoid", leakyRelu[] = "LeakyRelu",
               softmax[] = "Softmax", averagePool[] = "AveragePool",
               globalAveragePool[] = "GlobalAveragePool";

void importQLinearSoftmax(NodeImport &node) {
  int64_t last = node.rank(node.input(0)) - 1;
  // Before opset 13 softmax runs over all axes from `axis` on.
  if (node.integer("opset", 13) < 13 &&
      node.axis(node.integer("axis", -1), last + 1) != last)
    node.unsupported("softmax over several axes is not supported");
  importQLinearUnary<softmax>(node);
}

void importQLinearConcat(NodeImport &node) {
  SmallVector<Value> parts;
  if (node.numInputs() % 3 != 2)
    node.bad("expected a scale and a zero point, then threes of a tensor, its "
             "scale and its zero point");
  for (size_t i = 2; i < node.numInputs(); i += 3)
    parts.push_back(dequantized(node, i));
  int64_t axis =
      node.axis(node.integer("axis", 0), node.rank(parts.front()));
  quantizedResult(node, node.concat(parts, axis), 0, node.input(2));
}

IntegerOperand operandOf(NodeImport &node, size_t codes, size_t zero) {
  return {node.input(codes), node.hasInput(zero) ? node.input(zero) : Value()};
}

// acc * (scale of a * scale of b) + bias, in f32.
Value rescaled(NodeImport &node, Value acc, Value aScale, Value bScale) {
  Type f32 = node.builder().getF32Type();
  Value scale = node.create<nn::MulOp>(
      {converted(node, aScale, f32), converted(node, bScale, f32)});
  return node.create<nn::MulOp>({node.cast(acc, f32), scale});
}

Value withBias(NodeImport &node, Value y, size_t bias) {
  return node.hasInput(bias)
             ? node.create<nn::AddOp>({y, node.input(bias)})
             : y;
}

void importMatMulIntegerToFloat(NodeImport &node) {
  Value acc =
      integerProduct(node, operandOf(node, 0, 4), operandOf(node, 1, 5));
  Value y = rescaled(node, acc, node.input(2), node.input(3));
  node.result(withBias(node, y, 6));
}

void importDynamicQuantizeMatMul(NodeImport &node) {
  DynamicCodes a = quantizeDynamically(node, node.input(0));
  Value acc = integerProduct(node, {a.codes, a.zero}, operandOf(node, 1, 3));
  node.result(
      withBias(node, rescaled(node, acc, a.scale, node.input(2)), 4));
}

// alpha * a @ b + c, c in units of alpha * scale a * scale b.
void importQGemm(NodeImport &node) {
  IntegerOperand a = operandOf(node, 0, 2), b = operandOf(node, 3, 5);
  if (node.integer("transA", 0))
    a.codes = transposeLastTwo(node, a.codes);
  if (node.integer("transB", 0))
    b.codes = transposeLastTwo(node, b.codes);
  Value acc = integerProduct(node, a, b);
  if (node.hasInput(6))
    acc = node.create<nn::AddOp>({acc, node.input(6)});
  Value y = rescaled(node, acc, node.input(1), node.input(4));
  y = scaleBy(node, y, node.real("alpha", 1));
  if (!node.hasInput(7))
    return node.result(y);
  quantizedResult(node, y, 7, node.input(0));
}

constexpr OpEntry rows[] = {
    {"DynamicQuantizeMatMul", 3, 5, importDynamicQuantizeMatMul},
    {"MatMulIntegerToFloat", 4, 7, importMatMulIntegerToFloat},
    {"QGemm", 6, 9, importQGemm},
    {"QLinearAdd", 8, 8, importQLinearBinary<nn::AddOp>},
    {"QLinearAveragePool", 4, 5, importQLinearUnary<averagePool>},
    {"QLinearConcat", 5, anyNumber, importQLinearConcat},
    {"QLinearGlobalAveragePool", 5, 5, importQLinearUnary<globalAveragePool>},
    {"QLinearLeakyRelu", 4, 5, importQLinearUnary<leakyRelu>},
    {"QLinearMul", 8, 8, importQLinearBinary<nn::MulOp>},
    {"QLinearSigmoid", 4, 5, importQLinearUnary<sigmoid>},
    {"QLinearSoftmax", 5, 5, importQLinearSoftmax},
};
} // namespace

Value importAs(NodeImport &node, StringRef op, ArrayRef<Value> inputs) {
  node.setInputs(inputs);
  findImporter("", op)->function(node);
  return node.takeResult();
}

ArrayRef<OpEntry> qlinearOps() { return rows; }

} // namespace qopt::import
