// Reading and making constant tensors.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>

using namespace mlir;
using namespace qopt::nn;

unsigned qopt::nn::elementBytes(Type element) {
  if (element.isIndex())
    return 8;
  return std::max(1u, (element.getIntOrFloatBitWidth() + 7) / 8);
}

std::optional<ConstantView> ConstantView::of(Value value) {
  Attribute attribute;
  if (!value || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return of(attribute);
}

std::optional<ConstantView> ConstantView::of(Attribute attribute) {
  ConstantView view;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    view.tensorType = dyn_cast<RankedTensorType>(resource.getType());
    if (!blob || !view.tensorType)
      return std::nullopt;
    view.raw = blob->getData();
    if (int64_t(view.raw.size()) !=
        view.numElements() * elementBytes(view.tensorType.getElementType()))
      return std::nullopt;
    return view;
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return std::nullopt;
  view.tensorType = dyn_cast<RankedTensorType>(dense.getType());
  if (!view.tensorType ||
      !view.tensorType.getElementType().isIntOrIndexOrFloat())
    return std::nullopt;
  view.splat = dense.isSplat();
  if (!view.tensorType.getElementType().isInteger(1)) {
    view.raw = dense.getRawData();
    return view;
  }
  // MLIR packs booleans as bits; we keep a byte each.
  if (view.splat)
    view.owned.push_back(dense.getSplatValue<bool>());
  else
    for (bool b : dense.getValues<bool>())
      view.owned.push_back(b);
  return view;
}

/// One element of float type \p type at \p p as double.
static double readFloat(Type type, const char *p) {
  unsigned bits = type.getIntOrFloatBitWidth();
  uint64_t word = 0;
  std::memcpy(&word, p, (bits + 7) / 8);
  llvm::APFloat value(cast<FloatType>(type).getFloatSemantics(),
                      llvm::APInt(bits, word));
  return value.convertToDouble();
}

static int64_t readInteger(Type type, const char *p) {
  if (type.isInteger(1))
    return *p != 0;
  unsigned bytes = elementBytes(type);
  uint64_t word = 0;
  std::memcpy(&word, p, bytes);
  if (type.isUnsignedInteger() || bytes == 8)
    return int64_t(word);
  unsigned shift = 64 - 8 * bytes;
  return int64_t(word << shift) >> shift;
}

/// Unsigned 64-bit numbers are no int64.
template <typename T> static T readAs(Type type, const char *p) {
  if (isa<FloatType>(type))
    return T(readFloat(type, p));
  int64_t value = readInteger(type, p);
  return type.isUnsignedInteger(64) ? T(uint64_t(value)) : T(value);
}

template <typename T>
std::optional<std::vector<T>> ConstantView::values() const {
  Type element = tensorType.getElementType();
  if (!element.isIntOrIndexOrFloat())
    return std::nullopt;
  size_t count = numElements();
  // The shape comes from a file: refuse what no caller could mean.
  std::vector<T> result(count);
  const char *data = bytes().data();
  unsigned stride = splat ? 0 : elementBytes(element);
  if (element.isF32() && std::is_same_v<T, float> && !splat) {
    std::memcpy(result.data(), data, count * sizeof(float));
    return result;
  }
  for (size_t i = 0; i < count; ++i)
    result[i] = readAs<T>(element, data + i * stride);
  return result;
}

template std::optional<std::vector<float>> ConstantView::values() const;
template std::optional<std::vector<double>> ConstantView::values() const;
template std::optional<std::vector<int64_t>> ConstantView::values() const;
template std::optional<std::vector<int32_t>> ConstantView::values() const;
template std::optional<std::vector<int8_t>> ConstantView::values() const;
template std::optional<std::vector<uint8_t>> ConstantView::values() const;

Value qopt::nn::createConstant(OpBuilder &builder, Location loc,
                               RankedTensorType type, ArrayRef<char> data,
                               StringRef name) {
  constexpr int64_t maxInline = 64; // elements printed in full
  if (type.getNumElements() <= maxInline &&
      !type.getElementType().isInteger(1))
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::getFromRawBuffer(type, data));
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> bools(data.begin(), data.end());
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(type, bools));
  }
  auto blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(data, 64);
  auto attribute =
      DenseResourceElementsAttr::get(type, name, std::move(blob));
  return arith::ConstantOp::create(builder, loc, attribute);
}
