// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic, comparison and logic: element by element with broadcasting.
// Where all inputs are known (shape arithmetic, constants) the result is
// computed here; otherwise it becomes one nn op.
#include "lib/Import/OpTable.h"
#include <limits>

using namespace mlir;

namespace qopt::import {
namespace {

std::string typeText(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

template <typename OpTy, Unary kind> void importKnownUnary(NodeImport &node) {
  if (const SmallTensor *x = node.known(0))
    if (auto value = evaluate(kind, *x, node.math()))
      return node.result(std::move(*value));
  node.result(node.create<OpTy>(node.input(0)));
}

template <typename OpTy> void importUnary(NodeImport &node) {
  node.result(node.create<OpTy>(node.input(0)));
}

template <nn::ElementaryFunction function>
void importElementary(NodeImport &node) {
  MLIRContext *context = node.builder().getContext();
  node.result(node.create<nn::ElementaryOp>(
      node.input(0),
      {node.attr("function",
                 nn::ElementaryFunctionAttr::get(context, function))}));
}

// Both known: evaluated. Otherwise: emitted.
template <typename OpTy, Binary kind> void importBinary(NodeImport &node) {
  const SmallTensor *a = node.known(0), *b = node.known(1);
  if (a && b)
    if (auto value = evaluate(kind, *a, *b, node.math()))
      return node.result(std::move(*value));
  node.result(node.create<OpTy>({node.input(0), node.input(1)}));
}

template <typename OpTy> void importPlainBinary(NodeImport &node) {
  node.result(node.create<OpTy>({node.input(0), node.input(1)}));
}

// Min, Max, Sum, Mean: any number of inputs, folded from the left.
template <typename OpTy, Binary kind> void importVariadic(NodeImport &node) {
  if (node.numInputs() == 1)
    return node.forward(0);
  if (node.numInputs() == 2)
    return importBinary<OpTy, kind>(node);
  Value result = node.input(0);
  for (size_t i = 1; i < node.numInputs(); ++i)
    result = node.create<OpTy>({result, node.input(i)});
  node.result(result);
}

void importMean(NodeImport &node) {
  Value result = node.input(0);
  for (size_t i = 1; i < node.numInputs(); ++i)
    result = node.create<nn::AddOp>({result, node.input(i)});
  Value scale = node.splat(1.0 / node.numInputs(), result);
  node.result(node.create<nn::MulOp>({result, scale}));
}

// Exponents that are cheap and exact get their own op.
void importPow(NodeImport &node) {
  const SmallTensor *a = node.known(0), *b = node.known(1);
  if (a && b)
    if (auto value = evaluate(Binary::Pow, *a, *b, node.math()))
      return node.result(std::move(*value));
  Value x = node.input(0);
  std::optional<double> exponent = node.constantReal(1);
  if (exponent == 2.0 && node.isFloat(x))
    return node.result(node.create<nn::MulOp>({x, x}));
  if (exponent == 0.5 && node.isFloat(x))
    return node.result(node.create<nn::SqrtOp>(x));
  if (exponent == -1.0 && node.isFloat(x))
    return node.result(node.create<nn::ReciprocalOp>(x));
  // The result has the type of the base; of an integer base and a float exponent
  // it is computed in the exponent's type.
  Value y = node.input(1);
  Type base = node.elementOf(x), exponentType = node.elementOf(y);
  Type common =
      isa<FloatType>(exponentType) && !isa<FloatType>(base) ? exponentType : base;
  Value power = node.create<nn::PowOp>(
      {node.cast(x, common), node.cast(y, common)});
  node.result(node.cast(power, base));
}

void importMod(NodeImport &node) {
  const SmallTensor *a = node.known(0), *b = node.known(1);
  if (a && b && !node.integer("fmod", 0))
    if (auto value = evaluate(Binary::Mod, *a, *b, node.math()))
      return node.result(std::move(*value));
  Value x = node.input(0), y = node.input(1);
  // Opset 28 gives floats the remainder with the divisor's sign.
  if (node.isFloat(x) && !node.integer("fmod", 0) && node.opset() < 28)
    node.bad("expected fmod = 1 for floats, found 0");
  // Division truncates, so the remainder has the sign of x. Without fmod it has
  // the sign of y.
  auto remainder = [&] {
    if (node.isFloat(x))
      return node.create<nn::ModOp>({x, y});
    Value quotient = node.create<nn::DivOp>({x, y});
    return node.create<nn::SubOp>({x, node.create<nn::MulOp>({quotient, y})});
  };
  Value rest = remainder();
  bool isSigned = !node.elementOf(x).isUnsignedInteger();
  if (node.integer("fmod", 0) || !isSigned)
    return node.result(rest);
  auto isNegative = [&](Value v) {
    return node.create<nn::LessOp>({v, node.splat(0, v)});
  };
  Value zero = node.splat(0, rest);
  // So has zero.
  if (node.isFloat(x)) {
    Value signedZero = node.create<nn::SelectOp>(
        {isNegative(y), node.splat(-0.0, rest), zero});
    rest = node.create<nn::SelectOp>(
        {node.create<nn::EqualOp>({rest, zero}), signedZero, rest});
  }
  Value agrees = node.create<nn::EqualOp>({isNegative(rest), isNegative(y)});
  Value isDone = node.create<nn::OrOp>(
      {agrees, node.create<nn::EqualOp>({rest, zero})});
  node.result(node.create<nn::SelectOp>(
      {isDone, rest, node.create<nn::AddOp>({rest, y})}));
}

// By powers of two; a shift by the width or more leaves 0, as 2^n wraps to 0
// and x / 0 is 0, and so does a negative one. To the right, a negative x keeps
// its sign: all its bits are shifted inverted, which -1 - x does.
void importBitShift(NodeImport &node) {
  Value x = node.input(0);
  std::string direction = node.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    node.bad("expected direction LEFT or RIGHT, found '" + Twine(direction) +
             "'");
  Value factor =
      node.create<nn::PowOp>({node.splat(2, x), node.input(1)});
  if (direction == "LEFT")
    return node.result(node.create<nn::MulOp>({x, factor}));
  if (node.elementOf(x).isUnsignedInteger())
    return node.result(node.create<nn::DivOp>({x, factor}));
  Value minusOne = node.splat(-1, x);
  auto inverted = [&](Value v) {
    return node.create<nn::SubOp>({minusOne, v});
  };
  Value isNegative = node.create<nn::LessOp>({x, node.splat(0, x)});
  Value bits = node.create<nn::SelectOp>({isNegative, inverted(x), x});
  Value shifted = node.create<nn::DivOp>({bits, factor});
  node.result(
      node.create<nn::SelectOp>({isNegative, inverted(shifted), shifted}));
}

Value floatInput(NodeImport &node) {
  Value x = node.input(0);
  if (!node.isFloat(x))
    node.bad("expected floats, found " + typeText(node.elementOf(x)));
  return x;
}

void importIsNaN(NodeImport &node) {
  Value x = floatInput(node);
  node.result(node.create<nn::NotOp>(node.create<nn::EqualOp>({x, x})));
}

void importIsInf(NodeImport &node) {
  Value x = floatInput(node);
  bool positive = node.integer("detect_positive", 1);
  bool negative = node.integer("detect_negative", 1);
  double infinity = std::numeric_limits<double>::infinity();
  if (positive && negative)
    x = node.create<nn::AbsOp>(x);
  Value top = node.splat(positive ? infinity : -infinity, x);
  Value result = node.create<nn::EqualOp>({x, top});
  if (!positive && !negative) // Nothing counts: false everywhere.
    result = node.create<nn::AndOp>({result, node.create<nn::NotOp>(result)});
  node.result(result);
}

void importTan(NodeImport &node) {
  Value x = node.input(0);
  node.result(node.create<nn::DivOp>(
      {node.create<nn::SinOp>(x), node.create<nn::CosOp>(x)}));
}

void importXor(NodeImport &node) {
  Value equal = node.create<nn::EqualOp>({node.input(0), node.input(1)});
  node.result(node.create<nn::NotOp>(equal));
}

// Bits that are in one operand only: those in either, less those in both.
void importBitwiseXor(NodeImport &node) {
  Value a = node.input(0), b = node.input(1);
  node.result(node.create<nn::SubOp>(
      {node.create<nn::OrOp>({a, b}), node.create<nn::AndOp>({a, b})}));
}

// -1 - x in two's complement; of unsigned numbers -1 is the largest.
void importBitwiseNot(NodeImport &node) {
  Value x = node.input(0), one = node.splat(1, x), zero = node.splat(0, x);
  Value ones = node.create<nn::SubOp>({zero, one});
  node.result(node.create<nn::SubOp>({ones, x}));
}

void importSign(NodeImport &node) {
  // -1, 0 or 1: clipping would not do for fractions.
  Value x = node.input(0), zero = node.splat(0, x);
  Type to = node.elementOf(x);
  auto number = [&](Value flag) { return node.cast(flag, to); };
  Value positive = number(node.create<nn::GreaterOp>({x, zero}));
  Value negative = number(node.create<nn::LessOp>({x, zero}));
  node.result(node.create<nn::SubOp>({positive, negative}));
}

void importWhere(NodeImport &node) {
  const SmallTensor *condition = node.known(0), *a = node.known(1),
                    *b = node.known(2);
  if (condition && a && b)
    if (auto value = evaluateSelect(*condition, *a, *b))
      return node.result(std::move(*value));
  node.result(
      node.create<nn::SelectOp>({node.input(0), node.input(1), node.input(2)}));
}

// Cast and CastLike; `saturate` means something for narrow floats only.
void convertTo(NodeImport &node, Type element) {
  Value x = node.input(0);
  bool isNarrow =
      isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 8;
  if (!isNarrow || node.integer("saturate", 1) || element == node.elementOf(x))
    return node.result(node.cast(x, element));
  node.result(node.create<nn::CastOp>(
      x, {node.attr("to", TypeAttr::get(element)),
          node.attr("overflow", node.builder().getUnitAttr())}));
}

OnnxType targetOf(NodeImport &node) {
  int64_t number = node.integer("to", 0);
  auto to = static_cast<OnnxType>(number);
  if (number != int64_t(to) || !isKnown(to))
    node.bad("expected 'to' to be an element type of ONNX, found " +
             Twine(number));
  return to;
}

Type targetElement(NodeImport &node) {
  OnnxType to = targetOf(node);
  Type element = node.importer().elementType(to);
  if (!element)
    node.unsupported("a conversion to " + nameOf(to) + " is not supported");
  return element;
}

void importCast(NodeImport &node) {
  if (const SmallTensor *x = node.known(0))
    if (auto value = evaluateCast(*x, targetOf(node)))
      return node.result(std::move(*value));
  convertTo(node, targetElement(node));
}

void importBitCast(NodeImport &node) {
  Type element = targetElement(node);
  Value x = node.input(0);
  if (element == node.elementOf(x))
    return node.forward(0);
  node.result(node.create<nn::BitCastOp>(
      x, {node.attr("to", TypeAttr::get(element))}));
}

void importCastLike(NodeImport &node) {
  convertTo(node, node.elementOf(node.input(1)));
}

constexpr OpEntry rows[] = {
    {"Abs", 1, 1, importKnownUnary<nn::AbsOp, Unary::Abs>},
    {"Acos", 1, 1, importElementary<nn::ElementaryFunction::acos>},
    {"Acosh", 1, 1, importElementary<nn::ElementaryFunction::acosh>},
    {"Add", 2, 2, importBinary<nn::AddOp, Binary::Add>},
    {"And", 2, 2, importBinary<nn::AndOp, Binary::And>},
    {"Asin", 1, 1, importElementary<nn::ElementaryFunction::asin>},
    {"Asinh", 1, 1, importElementary<nn::ElementaryFunction::asinh>},
    {"Atan", 1, 1, importElementary<nn::ElementaryFunction::atan>},
    {"Atanh", 1, 1, importElementary<nn::ElementaryFunction::atanh>},
    {"BitCast", 1, 1, importBitCast},
    {"BitShift", 2, 2, importBitShift},
    {"BitwiseAnd", 2, 2, importPlainBinary<nn::AndOp>},
    {"BitwiseNot", 1, 1, importBitwiseNot},
    {"BitwiseOr", 2, 2, importPlainBinary<nn::OrOp>},
    {"BitwiseXor", 2, 2, importBitwiseXor},
    {"Cast", 1, 1, importCast},
    {"CastLike", 2, 2, importCastLike},
    {"Ceil", 1, 1, importKnownUnary<nn::CeilOp, Unary::Ceil>},
    {"Cos", 1, 1, importUnary<nn::CosOp>},
    {"Cosh", 1, 1, importElementary<nn::ElementaryFunction::cosh>},
    {"Div", 2, 2, importBinary<nn::DivOp, Binary::Div>},
    {"Equal", 2, 2, importBinary<nn::EqualOp, Binary::Equal>},
    {"Erf", 1, 1, importUnary<nn::ErfOp>},
    {"Exp", 1, 1, importKnownUnary<nn::ExpOp, Unary::Exp>},
    {"Floor", 1, 1, importKnownUnary<nn::FloorOp, Unary::Floor>},
    {"Greater", 2, 2, importBinary<nn::GreaterOp, Binary::Greater>},
    {"GreaterOrEqual", 2, 2,
     importBinary<nn::GreaterEqualOp, Binary::GreaterOrEqual>},
    {"IsInf", 1, 1, importIsInf},
    {"IsNaN", 1, 1, importIsNaN},
    {"Less", 2, 2, importBinary<nn::LessOp, Binary::Less>},
    {"LessOrEqual", 2, 2, importBinary<nn::LessEqualOp, Binary::LessOrEqual>},
    {"Log", 1, 1, importKnownUnary<nn::LogOp, Unary::Log>},
    {"Max", 1, anyNumber, importVariadic<nn::MaxOp, Binary::Max>},
    {"Mean", 1, anyNumber, importMean},
    {"Min", 1, anyNumber, importVariadic<nn::MinOp, Binary::Min>},
    {"Mod", 2, 2, importMod},
    {"Mul", 2, 2, importBinary<nn::MulOp, Binary::Mul>},
    {"Neg", 1, 1, importKnownUnary<nn::NegOp, Unary::Neg>},
    {"Not", 1, 1, importKnownUnary<nn::NotOp, Unary::Not>},
    {"Or", 2, 2, importBinary<nn::OrOp, Binary::Or>},
    {"Pow", 2, 2, importPow},
    {"Reciprocal", 1, 1, importKnownUnary<nn::ReciprocalOp, Unary::Reciprocal>},
    {"Round", 1, 1, importUnary<nn::RoundOp>},
    {"Sign", 1, 1, importSign},
    {"Sin", 1, 1, importUnary<nn::SinOp>},
    {"Sinh", 1, 1, importElementary<nn::ElementaryFunction::sinh>},
    {"Sqrt", 1, 1, importKnownUnary<nn::SqrtOp, Unary::Sqrt>},
    {"Sub", 2, 2, importBinary<nn::SubOp, Binary::Sub>},
    {"Sum", 1, anyNumber, importVariadic<nn::AddOp, Binary::Add>},
    {"Tan", 1, 1, importTan},
    {"Where", 3, 3, importWhere},
    {"Xor", 2, 2, importXor},
};
} // namespace

ArrayRef<OpEntry> elementwiseOps() { return rows; }

} // namespace qopt::import
