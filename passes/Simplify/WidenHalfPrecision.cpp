// Computes f16 and bf16 networks in f32.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_WIDENHALFPRECISIONPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;

namespace {

bool isHalf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && (type.getElementType().isF16() ||
                  type.getElementType().isBF16());
}

/// The f32 value behind a half-precision one that is its rounding.
Value wideOriginal(Value x) {
  auto narrowing = x.getDefiningOp<nn::CastOp>();
  if (isHalf(x) && narrowing && getElementTypeOrSelf(narrowing.getX()).isF32())
    return narrowing.getX();
  return {};
}

Value castTo(OpBuilder &builder, Location loc, Value x, Type element) {
  auto type = cast<RankedTensorType>(x.getType());
  if (Value wide = element.isF32() ? wideOriginal(x) : Value())
    return wide; // the casts on the way are left unused
  return nn::CastOp::create(builder, loc, type.clone(element), x, element);
}

/// Moves numbers that are stored in half precision (an embedding table), or
/// wants their very bits.
bool movesStored(Operation *op) {
  if (isa<nn::BitCastOp>(op))
    return true;
  return op->hasTrait<nn::DataMovement>() &&
         llvm::none_of(op->getOperands(), wideOriginal);
}

/// Runs `op` on f32; other users of a result see it rounded as before.
void widen(Operation *op) {
  OpBuilder builder(op);
  Type f32 = builder.getF32Type();
  for (OpOperand &operand : op->getOpOperands())
    if (isHalf(operand.get()))
      operand.set(castTo(builder, op->getLoc(), operand.get(), f32));
  builder.setInsertionPointAfter(op);
  for (Value result : op->getResults()) {
    if (!isHalf(result))
      continue;
    auto narrow = cast<RankedTensorType>(result.getType());
    result.setType(narrow.clone(f32));
    Value rounded =
        castTo(builder, op->getLoc(), result, narrow.getElementType());
    result.replaceAllUsesExcept(rounded, rounded.getDefiningOp());
  }
}

/// A cast that reads what was rounded only on paper: int <- f16 <- f32.
void readOriginal(nn::CastOp op) {
  if (Value wide = wideOriginal(op.getX()))
    op.getXMutable().assign(wide);
  if (op.getX().getType() == op.getType())
    op.replaceAllUsesWith(op.getX());
}

struct WidenHalfPrecision
    : qopt::impl::WidenHalfPrecisionPassBase<WidenHalfPrecision> {
  void runOnOperation() override {
    // Program order: an op finds its operands widened.
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<nn::NNDialect>(op->getDialect()))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (auto cast = dyn_cast<nn::CastOp>(op))
        readOriginal(cast);
      else if (!movesStored(op))
        widen(op);
    }
    SmallVector<nn::CastOp> casts;
    getOperation().walk([&](nn::CastOp op) { casts.push_back(op); });
    // Backwards, so that chains of unused casts go together.
    for (nn::CastOp op : llvm::reverse(casts))
      if (op->use_empty())
        op->erase();
  }
};
} // namespace
