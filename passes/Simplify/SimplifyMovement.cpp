// Moves transposes out of the way and merges data movement.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Analysis/TensorSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/Movement.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_SIMPLIFYMOVEMENTPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;

namespace {
struct SimplifyMovement
    : qopt::impl::SimplifyMovementPassBase<SimplifyMovement> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    simplify::populateMergeMovementPatterns(patterns);
    simplify::populateSinkTransposePatterns(patterns);
    simplify::populateEncodedMovementPatterns(patterns);
    simplify::populateAbsorbMovementPatterns(patterns);
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    // Each step moves one transpose by one op: deep graphs take many.
    config.setMaxIterations(GreedyRewriteConfig::kNoLimit);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    if (getOperation().getBody().hasOneBlock())
      dropReshapesToTheSameShape();
  }

  /// Only with all sizes in terms of the arguments can "[b, s, 4] to [b, s, 4]"
  /// be seen to do nothing.
  void dropReshapesToTheSameShape() {
    FailureOr<TensorSizes> sizes = TensorSizes::compute(getOperation());
    if (failed(sizes))
      return signalPassFailure();
    getOperation().walk([&](nn::ReshapeOp op) {
      if (!sizes->haveSameShape(op.getX(), op.getResult()) ||
          op.getX().getType() != op.getResult().getType())
        return;
      op.getResult().replaceAllUsesWith(op.getX());
      op.erase();
    });
  }
};
} // namespace
