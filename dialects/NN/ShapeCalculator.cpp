// Arithmetic on static and dynamic dimensions.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/NNShapes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qopt::nn::detail;

Dim ShapeCalculator::dim(Value tensor, int64_t axis) {
  int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(axis);
  if (!ShapedType::isDynamic(size))
    return constant(size);
  if (!builder)
    return Dim{};
  return Dim{size, builder->createOrFold<tensor::DimOp>(*loc, tensor, axis)};
}

SmallVector<Dim> ShapeCalculator::shape(Value tensor) {
  SmallVector<Dim> dims;
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  for (int64_t axis = 0; axis < rank; ++axis)
    dims.push_back(dim(tensor, axis));
  return dims;
}

Value ShapeCalculator::materialize(Dim d) {
  if (d.value)
    return d.value;
  return arith::ConstantIndexOp::create(*builder, *loc, d.size);
}

Dim ShapeCalculator::add(Dim a, Dim b) {
  if (a.isStatic() && b.isStatic())
    return constant(a.size + b.size);
  if (b.is(0))
    return a;
  if (a.is(0))
    return b;
  if (!builder)
    return Dim{};
  return Dim{ShapedType::kDynamic,
             builder->createOrFold<arith::AddIOp>(*loc, materialize(a),
                                                  materialize(b))};
}

Dim ShapeCalculator::mul(Dim a, Dim b) {
  if (a.isStatic() && b.isStatic())
    return constant(a.size * b.size);
  if (b.is(1))
    return a;
  if (a.is(1))
    return b;
  if (!builder)
    return Dim{};
  return Dim{ShapedType::kDynamic,
             builder->createOrFold<arith::MulIOp>(*loc, materialize(a),
                                                  materialize(b))};
}

Dim ShapeCalculator::floorDiv(Dim a, int64_t b) {
  if (a.isStatic())
    return constant(llvm::divideFloorSigned(a.size, b));
  if (b == 1)
    return a;
  if (!builder)
    return Dim{};
  return Dim{ShapedType::kDynamic,
             builder->createOrFold<arith::FloorDivSIOp>(
                 *loc, materialize(a), materialize(constant(b)))};
}

Dim ShapeCalculator::max(Dim a, Dim b) {
  if (a.isStatic() && b.isStatic())
    return constant(std::max(a.size, b.size));
  if (!builder)
    return Dim{};
  if (a.value && a.value == b.value)
    return a;
  return Dim{ShapedType::kDynamic,
             builder->createOrFold<arith::MaxSIOp>(*loc, materialize(a),
                                                   materialize(b))};
}

Dim ShapeCalculator::min(Dim a, Dim b) {
  if (a.isStatic() && b.isStatic())
    return constant(std::min(a.size, b.size));
  if (!builder)
    return Dim{};
  return Dim{ShapedType::kDynamic,
             builder->createOrFold<arith::MinSIOp>(*loc, materialize(a),
                                                   materialize(b))};
}

SmallVector<Dim> ShapeCalculator::mixed(ArrayRef<int64_t> staticSizes,
                                        ValueRange dynamicSizes) {
  SmallVector<Dim> dims;
  size_t next = 0;
  for (int64_t size : staticSizes) {
    if (!ShapedType::isDynamic(size))
      dims.push_back(constant(size));
    else if (builder && next < dynamicSizes.size())
      dims.push_back(Dim{size, dynamicSizes[next++]});
    else
      dims.push_back(Dim{});
  }
  return dims;
}

LogicalResult ShapeCalculator::fail(const Twine &message) {
  return emitOptionalError(loc, message);
}

bool qopt::nn::detail::areCompatible(TypeRange inferred, TypeRange actual) {
  if (inferred.size() != actual.size())
    return false;
  for (auto [a, b] : llvm::zip_equal(inferred, actual))
    if (getElementTypeOrSelf(a) != getElementTypeOrSelf(b) ||
        failed(verifyCompatibleShape(a, b)))
      return false;
  return true;
}

FailureOr<SmallVector<Dim>>
qopt::nn::detail::broadcastShapes(ArrayRef<SmallVector<Dim>> shapes,
                                  ShapeCalculator &calc, StringRef label) {
  size_t rank = 0;
  for (const auto &shape : shapes)
    rank = std::max(rank, shape.size());
  SmallVector<Dim> result(rank, calc.constant(1));
  for (const auto &shape : shapes) {
    for (size_t i = 0; i < shape.size(); ++i) {
      Dim &into = result[rank - shape.size() + i];
      Dim from = shape[i];
      if (from.is(1))
        continue;
      if (into.is(1)) {
        into = from;
      } else if (from.isStatic() && into.isStatic()) {
        if (from.size != into.size)
          return calc.fail("(" + label +
                           ") expects dimensions that are equal or 1, got " +
                           Twine(into.size) + " and " + Twine(from.size));
      } else if (from.isStatic()) {
        into = from; // A dynamic partner must be equal or 1 at run time.
      } else if (!into.isStatic()) {
        into = calc.max(into, from);
      }
    }
  }
  return result;
}
