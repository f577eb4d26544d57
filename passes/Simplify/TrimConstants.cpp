// Leading axes of size 1 of constants.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Matching.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_TRIMCONSTANTSPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

/// The shape without leading axes of size 1, but with at least \p rank axes.
ArrayRef<int64_t> trimmed(ArrayRef<int64_t> shape, size_t rank) {
  while (shape.size() > rank && shape.front() == 1)
    shape = shape.drop_front();
  return shape;
}

/// Whether an operand beside \p operand has the rank of the result: then the
/// result keeps its shape whatever the rank of \p operand.
bool anotherGivesTheRank(OpOperand &operand) {
  Operation *op = operand.getOwner();
  int64_t rank = typeOf(op->getResult(0)).getRank();
  return llvm::any_of(op->getOpOperands(), [&](OpOperand &other) {
    return &other != &operand && typeOf(other.get()).getRank() == rank;
  });
}

/// The rank that \p operand of its op needs, or nullopt if it must stay.
std::optional<size_t> neededRank(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (!anotherGivesTheRank(operand))
    return std::nullopt;
  if (isa<nn::MatMulOp>(op) && operand.getOperandNumber() == 1)
    return 2;
  if (op->hasTrait<nn::Pointwise>())
    return 0;
  return std::nullopt;
}

void trim(OpOperand &operand) {
  std::optional<nn::ConstantView> view = nn::ConstantView::of(operand.get());
  std::optional<size_t> rank = view ? neededRank(operand) : std::nullopt;
  if (!rank)
    return;
  RankedTensorType type = view->type();
  ArrayRef<int64_t> shape = trimmed(type.getShape(), *rank);
  if (shape.size() == size_t(type.getRank()))
    return;
  OpBuilder builder(operand.getOwner());
  auto reshape =
      nn::ReshapeOp::create(builder, operand.get().getLoc(), operand.get(),
                            ValueRange(), shape);
  std::optional<simplify::TensorBytes> bytes = simplify::evaluateOp(reshape);
  if (bytes)
    operand.set(simplify::materialize(
        builder, operand.get().getLoc(), *bytes,
        simplify::constantName(operand.get(), "constant")));
  reshape.erase();
}

struct TrimConstants : qopt::impl::TrimConstantsPassBase<TrimConstants> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (isa<nn::MatMulOp>(op) || op->hasTrait<nn::Pointwise>())
        for (OpOperand &operand : op->getOpOperands())
          trim(operand);
    });
    getOperation().walk([](arith::ConstantOp op) {
      if (op->use_empty())
        op->erase();
    });
  }
};
} // namespace
