// Folds nn ops on constants.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;

namespace {
struct FoldConstants : qopt::impl::FoldConstantsPassBase<FoldConstants> {
  void runOnOperation() override {
    // Program order: a folded op is a constant to those after it.
    getOperation().walk([](Operation *op) {
      std::optional<simplify::TensorBytes> folded = simplify::evaluateOp(op);
      if (!folded)
        return;
      OpBuilder builder(op);
      std::string name = simplify::constantName(op->getOperand(0), "folded");
      op->getResult(0).replaceAllUsesWith(
          simplify::materialize(builder, op->getLoc(), *folded, name));
      op->erase();
    });
    getOperation().walk([](arith::ConstantOp op) {
      if (op->use_empty())
        op->erase();
    });
  }
};
} // namespace
