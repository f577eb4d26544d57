// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of codes less their zero points, from products of codes:
//
//   sum (a - za) (b - zb) = sum a b - za sum b - zb sum (a - za)
//
// Kernels take i8 on the right; unsigned codes there are shifted down by 128,
// zero point with them.
#include "dialects/NN/Constants.h"
#include "lib/Import/Contractions.h"
#include "lib/Import/Quantization.h"
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

Value subtract(NodeImport &node, Value a, Value b) {
  return b ? node.create<nn::SubOp>({a, b}) : a;
}

Value multiply(NodeImport &node, Value a, Value b) {
  return node.create<nn::MulOp>({a, b});
}

Value toI32(NodeImport &node, Value x) {
  return converted(node, x, node.builder().getI32Type());
}

// Zero points of 0 are none.
Value zeroOf(NodeImport &node, const IntegerOperand &operand) {
  if (!operand.zero || scalarOf(node, operand.zero) == 0.0)
    return {};
  return toI32(node, operand.zero);
}

bool isByte(Type type) { return type.isInteger(8); }

void checkBytes(NodeImport &node, const IntegerOperand &a,
                const IntegerOperand &b) {
  if (!isByte(node.elementOf(a.codes)) || !isByte(node.elementOf(b.codes)))
    node.bad("expected operands of 8-bit integers");
}

// The right operand as i8.
IntegerOperand signedOperand(NodeImport &node, IntegerOperand b) {
  OpBuilder &builder = node.builder();
  auto type = node.typeOf(b.codes);
  Type i8 = builder.getI8Type();
  if (!type.getElementType().isUnsignedInteger())
    return b;
  Value offset = node.constant({128}, {}, builder.getI32Type(), "offset");
  b.zero = b.zero ? toI32(node, b.zero)
                  : node.constant({0}, {}, builder.getI32Type(), "zero");
  if (auto zeros = node.constantReals(b.zero)) {
    for (double &zero : *zeros)
      zero -= 128;
    b.zero = node.constant(*zeros, node.typeOf(b.zero).getShape(),
                           builder.getI32Type(), "zero");
  } else {
    b.zero = subtract(node, b.zero, offset);
  }
  auto view = nn::ConstantView::of(b.codes);
  if (!view) {
    b.codes = node.cast(subtract(node, toI32(node, b.codes), offset), i8);
    return b;
  }
  std::vector<int8_t> codes(view->numElements());
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = int8_t(uint8_t(view->bytes()[view->isSplat() ? 0 : i]) - 128);
  b.codes = nn::createConstant(builder, node.loc(),
                               RankedTensorType::get(type.getShape(), i8),
                               codes, "codes");
  return b;
}

// Sums over all axes of a constant but `kept`.
std::optional<std::vector<double>> constantSums(NodeImport &node, Value x,
                                                int64_t kept) {
  auto values = node.constantReals(x);
  auto type = node.typeOf(x);
  if (!values)
    return std::nullopt;
  int64_t inner = 1;
  for (int64_t axis = kept + 1; axis < type.getRank(); ++axis)
    inner *= type.getDimSize(axis);
  int64_t size = type.getDimSize(kept);
  std::vector<double> sums(size, 0);
  for (auto [i, value] : llvm::enumerate(*values))
    sums[int64_t(i) / inner % size] += value;
  return sums;
}

// Sums of the columns of `b` [.., K, N].
Value columnSums(NodeImport &node, Value b) {
  Type i32 = node.builder().getI32Type();
  if (node.rank(b) == 2)
    if (auto sums = constantSums(node, b, 1))
      return node.constant(*sums, {int64_t(sums->size())}, i32, "sums");
  return node.reduce<nn::ReduceSumOp>(toI32(node, b), {node.rank(b) - 2});
}

// A vector of zero points by row stands beside columns.
Value asColumn(NodeImport &node, Value zero) {
  if (!zero || node.rank(zero) != 1)
    return zero;
  Scalars sizes{node.dims(zero)[0]};
  if (!sizes[0].isInt(1))
    sizes.push_back(Scalar::ofInt(1));
  return node.reshape(zero, sizes);
}

Value matrixProduct(NodeImport &node, IntegerOperand a, IntegerOperand b) {
  b = signedOperand(node, b);
  Value za = asColumn(node, zeroOf(node, a)), zb = zeroOf(node, b);
  Value acc = node.create<nn::MatMulOp>({a.codes, b.codes});
  if (za)
    acc = subtract(node, acc, multiply(node, za, columnSums(node, b.codes)));
  if (!zb)
    return acc;
  Value centered = subtract(node, toI32(node, a.codes), za);
  Value sums =
      node.reduce<nn::ReduceSumOp>(centered, {node.rank(centered) - 1});
  return subtract(node, acc, multiply(node, sums, zb));
}

Value convolveCodes(NodeImport &node, Value x, Value filter, const Window &window,
               int64_t padValue) {
  SmallVector<NamedAttribute> attributes = window.attributes(node, false);
  OpBuilder &builder = node.builder();
  attributes.push_back(node.attr(
      "groups", builder.getI64IntegerAttr(node.integer("group", 1))));
  attributes.push_back(
      node.attr("pad_value", builder.getI64IntegerAttr(padValue)));
  return node.create<nn::ConvOp>({x, filter}, attributes);
}

Value onesLike(NodeImport &node, Value x, Type element) {
  auto type = node.typeOf(x);
  Value one = node.constant({1}, {}, element, "one");
  constexpr int64_t most = 1 << 22; // Weights worth packing.
  if (!type.hasStaticShape() || type.getNumElements() > most)
    return node.broadcastTo(one, node.dims(x));
  std::vector<int8_t> ones(type.getNumElements(), 1);
  return nn::createConstant(node.builder(), node.loc(),
                            RankedTensorType::get(type.getShape(), element),
                            ones, "ones");
}

// za sum b: outside the input nothing is summed, unless padding holds za.
Value filterSums(NodeImport &node, Value x, Value filter, const Window &window,
                 bool paddingCounts) {
  Type i32 = node.builder().getI32Type();
  if (paddingCounts) {
    if (auto sums = constantSums(node, filter, 0))
      return node.constant(*sums, {int64_t(sums->size())}, i32, "sums");
    Value sums =
        node.reduce<nn::ReduceSumOp>(toI32(node, filter), {1, 2, 3}, false);
    return sums;
  }
  // One image of ones is enough: sums do not depend on the data.
  Scalars sizes(node.dims(x));
  sizes[0] = Scalar::ofInt(1);
  Value one = node.constant({1}, {}, node.elementOf(x), "one");
  return convolveCodes(node, node.broadcastTo(one, sizes), filter, window, 0);
}
} // namespace

Value integerProduct(NodeImport &node, IntegerOperand a, IntegerOperand b) {
  checkBytes(node, a, b);
  if (node.rank(a.codes) >= 2 && node.rank(b.codes) >= 2)
    return matrixProduct(node, a, b);
  if (node.rank(a.codes) == 0 || node.rank(b.codes) == 0)
    node.bad("expected vectors or matrices, found a scalar");
  // A vector is a row on the left, a column on the right.
  bool aVector = node.rank(a.codes) == 1, bVector = node.rank(b.codes) == 1;
  if (aVector)
    a.codes =
        node.reshape(a.codes, {Scalar::ofInt(1), node.dims(a.codes)[0]});
  if (bVector)
    b.codes =
        node.reshape(b.codes, {node.dims(b.codes)[0], Scalar::ofInt(1)});
  Value product = matrixProduct(node, a, b);
  Scalars sizes = node.dims(product);
  if (bVector)
    sizes.pop_back();
  if (aVector)
    sizes.erase(sizes.end() - (bVector ? 1 : 2));
  return node.reshape(product, sizes);
}

Value integerConvolution(NodeImport &node, IntegerOperand x,
                         IntegerOperand filter, bool &isOneDimensional) {
  checkBytes(node, x, filter);
  Window window =
      readWindow(node, x.codes, readKernel(node, x.codes, filter.codes));
  isOneDimensional = window.isOneDimensional;
  filter = signedOperand(node, filter);
  Value zx = zeroOf(node, x), zw = zeroOf(node, filter);
  if (zx && node.typeOf(zx).hasStaticShape() &&
      node.typeOf(zx).getNumElements() == 1)
    zx = node.reshape(zx, {});
  std::optional<double> constantZero = zx ? scalarOf(node, zx) : 0;
  int64_t padValue = constantZero.value_or(0);
  Value image = toChannelsLast(node, x.codes);
  Value weights = toChannelsLast(node, filter.codes);
  Value acc = convolveCodes(node, image, weights, window, padValue);
  bool paddingCounts =
      constantZero ||
      llvm::all_of(window.pads, [](int64_t pad) { return pad == 0; });
  auto centered = [&](Value sums, Value filter) {
    return zx ? subtract(node, sums,
                         multiply(node, zx,
                                  filterSums(node, image, filter, window,
                                             paddingCounts)))
              : sums;
  };
  acc = centered(acc, weights);
  if (!zw)
    return acc;
  Value ones = onesLike(node, weights, node.builder().getI8Type());
  Value sums =
      centered(convolveCodes(node, image, ones, window, padValue), ones);
  return subtract(node, acc, multiply(node, sums, zw));
}

} // namespace qopt::import
