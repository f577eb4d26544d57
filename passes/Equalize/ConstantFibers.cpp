// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Row-major index arithmetic and rounding.
#include "passes/Equalize/ConstantFibers.h"
#include "dialects/NN/Constants.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>

using namespace mlir;

namespace qopt {

std::optional<ConstantFibers> ConstantFibers::of(Value constant) {
  std::optional<nn::ConstantView> view = nn::ConstantView::of(constant);
  // 64-bit integers do not all fit into a double.
  if (!view || view->type().getElementType().isInteger(64))
    return std::nullopt;
  std::optional<std::vector<double>> values = view->values<double>();
  if (!values)
    return std::nullopt;
  ConstantFibers fibers;
  fibers.tensorType = view->type();
  fibers.values = std::move(*values);
  return fibers;
}

ConstantFibers ConstantFibers::splat(Type element, double value, int64_t rank,
                                     unsigned axis, int64_t size) {
  ConstantFibers fibers;
  fibers.tensorType = RankedTensorType::get({}, element);
  fibers.values = {value};
  fibers.repeat(rank, axis, size);
  return fibers;
}

void ConstantFibers::repeat(int64_t rank, unsigned axis, int64_t size) {
  SmallVector<int64_t> shape(tensorType.getShape());
  while (int64_t(shape.size()) < rank - int64_t(axis))
    shape.insert(shape.begin(), 1);
  unsigned own = axis - (rank - shape.size());
  shape[own] = size;
  tensorType = RankedTensorType::get(shape, tensorType.getElementType());
  int64_t inner = 1;
  for (int64_t extent : ArrayRef<int64_t>(shape).drop_front(own + 1))
    inner *= extent;
  std::vector<double> repeated;
  for (size_t begin = 0; begin < values.size(); begin += inner)
    for (int64_t i = 0; i < size; ++i)
      repeated.insert(repeated.end(), values.begin() + begin,
                      values.begin() + begin + inner);
  values = std::move(repeated);
}

void ConstantFibers::forEachFiber(
    nn::AxisSpan span, ArrayRef<nn::AxisSpan> within,
    llvm::function_ref<void(MutableArrayRef<double>)> act) {
  ArrayRef<int64_t> shape = tensorType.getShape();
  SmallVector<int64_t> begin(shape.size(), 0), end(shape),
      strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0; stride *= shape[axis])
    strides[axis] = stride;
  for (const nn::AxisSpan &limit : within) {
    begin[limit.axis] = std::max(begin[limit.axis], limit.begin);
    end[limit.axis] = std::min(end[limit.axis], limit.begin + limit.size);
  }
  // The fiber's axis stands still: each position of the others begins a fiber.
  begin[span.axis] = span.begin, end[span.axis] = span.begin + 1;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (begin[axis] >= end[axis])
      return;
  std::vector<double> fiber(span.size);
  SmallVector<int64_t> position = begin;
  while (true) {
    double *first = values.data();
    for (size_t axis = 0; axis < shape.size(); ++axis)
      first += position[axis] * strides[axis];
    for (int64_t i = 0; i < span.size; ++i)
      fiber[i] = first[i * strides[span.axis]];
    act(fiber);
    for (int64_t i = 0; i < span.size; ++i)
      first[i * strides[span.axis]] = fiber[i];
    size_t axis = shape.size();
    while (axis-- > 0) {
      if (++position[axis] < end[axis])
        break;
      position[axis] = begin[axis];
    }
    if (axis == size_t(-1))
      return;
  }
}

Value ConstantFibers::materialize(OpBuilder &builder, Location loc,
                                  StringRef name) const {
  Type element = tensorType.getElementType();
  unsigned bytes = nn::elementBytes(element);
  std::vector<char> data(values.size() * bytes);
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t word;
    if (auto type = dyn_cast<FloatType>(element)) {
      llvm::APFloat number(values[i]);
      bool losesInfo;
      number.convert(type.getFloatSemantics(),
                     llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      word = number.bitcastToAPInt().getZExtValue();
    } else {
      word = uint64_t(int64_t(values[i]));
    }
    std::memcpy(data.data() + i * bytes, &word, bytes);
  }
  return nn::createConstant(builder, loc, tensorType, data, name);
}

} // namespace qopt
