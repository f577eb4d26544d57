// Means and squares in any spelling.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Simplify/Matching.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::simplify;

namespace {

template <typename OpTy> std::optional<Mean> matchReduction(Value value) {
  auto op = value.getDefiningOp<OpTy>();
  if (!op)
    return std::nullopt;
  return Mean{op.getX(), op.getAxes(), op.getKeepdims()};
}

/// How many elements one mean is of; nothing if that is not fixed.
std::optional<double> countOf(const Mean &mean) {
  double count = 1;
  for (int64_t axis : mean.axes) {
    if (typeOf(mean.x).isDynamicDim(axis))
      return std::nullopt;
    count *= double(typeOf(mean.x).getDimSize(axis));
  }
  return count;
}

} // namespace

std::optional<Mean> qopt::simplify::matchMean(Value value) {
  if (auto mean = matchReduction<nn::ReduceMeanOp>(value))
    return mean;
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<nn::MulOp, nn::DivOp>(op))
    return std::nullopt;
  auto sum = matchReduction<nn::ReduceSumOp>(op->getOperand(0));
  auto factor = scalarConstant(op->getOperand(1));
  auto count = sum ? countOf(*sum) : std::nullopt;
  if (!factor || !count || value.getType() != op->getOperand(0).getType())
    return std::nullopt;
  double product = isa<nn::MulOp>(op) ? *factor * *count : *count / *factor;
  return std::fabs(product - 1) < 1e-6 ? sum : std::nullopt;
}

Value qopt::simplify::matchSquare(Value value) {
  if (auto mul = value.getDefiningOp<nn::MulOp>())
    return mul.getLhs() == mul.getRhs() ? mul.getLhs() : Value();
  auto pow = value.getDefiningOp<nn::PowOp>();
  bool isSquare = pow && scalarConstant(pow.getRhs()) == 2.0 &&
                  pow.getLhs().getType() == value.getType();
  return isSquare ? pow.getLhs() : Value();
}
