// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The steps of reduce_sum, reduce_mean, reduce_max, reduce_min, reduce_prod.

#include "lib/Emission/Reduction.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

Value integerBound(KernelBuilder &kb, Type element, Width width, bool lowest) {
  unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  bool isUnsigned = element.isUnsignedInteger() || bits == 1;
  APInt bound = lowest ? (isUnsigned ? APInt::getZero(bits)
                                     : APInt::getSignedMinValue(bits))
                       : (isUnsigned ? APInt::getMaxValue(bits)
                                     : APInt::getSignedMaxValue(bits));
  Type lane = computeType(element);
  unsigned laneBits = lane.getIntOrFloatBitWidth();
  bound = isUnsigned ? bound.zext(laneBits) : bound.sext(laneBits);
  TypedAttr scalar = kb.builder().getIntegerAttr(lane, bound);
  Value constant = kb.create<arith::ConstantOp>(scalar);
  return broadcastLane(kb, constant, width);
}

} // namespace

Value qopt::emission::lowestLane(KernelBuilder &kb, Type element, Width width) {
  if (isa<FloatType>(element))
    return kb.constantLike(computeType(element, width),
                           -std::numeric_limits<double>::infinity());
  return integerBound(kb, element, width, /*lowest=*/true);
}

Value qopt::emission::highestLane(KernelBuilder &kb, Type element,
                                  Width width) {
  if (isa<FloatType>(element))
    return kb.constantLike(computeType(element, width),
                           std::numeric_limits<double>::infinity());
  return integerBound(kb, element, width, /*lowest=*/false);
}

std::optional<Reduction> Reduction::of(Operation *op) {
  auto from = [](auto reduce, Kind kind) {
    SmallVector<int64_t> axes(reduce.getAxes());
    llvm::sort(axes);
    return std::optional<Reduction>(
        Reduction{kind, reduce.getX(), axes, reduce.getKeepdims()});
  };
  return TypeSwitch<Operation *, std::optional<Reduction>>(op)
      .Case([&](nn::ReduceSumOp r) { return from(r, Kind::sum); })
      .Case([&](nn::ReduceMeanOp r) { return from(r, Kind::mean); })
      .Case([&](nn::ReduceMaxOp r) { return from(r, Kind::max); })
      .Case([&](nn::ReduceMinOp r) { return from(r, Kind::min); })
      .Case([&](nn::ReduceProdOp r) { return from(r, Kind::product); })
      .Default([](Operation *) { return std::nullopt; });
}

int64_t Reduction::rank() const {
  return cast<RankedTensorType>(operand.getType()).getRank();
}

SmallVector<int64_t> Reduction::keptAxes() const {
  SmallVector<int64_t> kept;
  for (int64_t axis = 0; axis < rank(); ++axis)
    if (!llvm::is_contained(axes, axis))
      kept.push_back(axis);
  return kept;
}

Value Reduction::neutral(KernelBuilder &kb, Width width) const {
  Type element = getElementTypeOrSelf(operand.getType());
  if (kind == Kind::max)
    return lowestLane(kb, element, width);
  if (kind == Kind::min)
    return highestLane(kb, element, width);
  return kb.constantLike(computeType(element, width),
                         kind == Kind::product ? 1 : 0);
}

Value Reduction::combine(KernelBuilder &kb, Value a, Value b) const {
  if (kind == Kind::max)
    return emitMax(kb, getElementTypeOrSelf(operand.getType()), a, b);
  if (kind == Kind::min)
    return emitMin(kb, getElementTypeOrSelf(operand.getType()), a, b);
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(a.getType()));
  if (kind == Kind::product)
    return isFloat ? kb.mulf(a, b) : Value(kb.create<arith::MulIOp>(a, b));
  return isFloat ? kb.addf(a, b) : Value(kb.create<arith::AddIOp>(a, b));
}

Value Reduction::finish(KernelBuilder &kb, Value result, Value count) const {
  if (kind != Kind::mean)
    return result;
  Type element = getElementTypeOrSelf(result.getType());
  Value divisor;
  if (isa<FloatType>(element))
    divisor = kb.create<arith::SIToFPOp>(element, count);
  else if (element == kb.i64Type)
    divisor = kb.max(count, 1);
  else
    divisor = kb.create<arith::TruncIOp>(element, kb.max(count, 1));
  if (isa<VectorType>(result.getType()))
    divisor = kb.splat(divisor);
  if (isa<FloatType>(element))
    return kb.divf(result, divisor);
  // Narrow unsigned lanes are positive, whatever the division.
  if (getElementTypeOrSelf(operand.getType()).isUnsignedInteger())
    return kb.create<arith::DivUIOp>(result, divisor);
  return kb.create<arith::DivSIOp>(result, divisor);
}
