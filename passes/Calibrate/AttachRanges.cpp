// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From observers and statistics to ranges on values.
#include "dialects/LowBit/LowBitOps.h"
#include "lib/Analysis/ValueIds.h"
#include "passes/Calibrate/Passes.h"

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_ATTACHRANGESPASS
#include "passes/Calibrate/Passes.h.inc"

namespace {

struct AttachRanges : impl::AttachRangesPassBase<AttachRanges> {
  AttachRanges() = default;
  explicit AttachRanges(CalibrateOptions options)
      : options(std::move(options)) {}

  void runOnOperation() override {
    SmallVector<lowbit::ObserveOp> observers;
    getOperation().walk(
        [&](lowbit::ObserveOp observer) { observers.push_back(observer); });
    for (lowbit::ObserveOp observer : observers) {
      const ValueStatistics *statistics =
          options.statistics ? options.statistics->find(observer.getId())
                             : nullptr;
      if (statistics && statistics->elements) {
        Range range = chooseRange(*statistics, options.range);
        setRange(observer.getX(), CodedRange{range.low, range.high});
      }
      observer.erase();
    }
  }

  CalibrateOptions options;
};

} // namespace

std::unique_ptr<Pass> createAttachRangesPass(CalibrateOptions options) {
  return std::make_unique<AttachRanges>(std::move(options));
}

void buildCalibratePipeline(OpPassManager &pm,
                            const CalibrateOptions &options) {
  // nn -> nn with ids and observers.
  pm.addNestedPass<func::FuncOp>(createInsertObserversPass());
  // The same, and statistics beside it.
  pm.addPass(createCollectStatisticsPass(options));
  // nn with observers -> nn with ranges.
  pm.addNestedPass<func::FuncOp>(createAttachRangesPass(options));
}

} // namespace qopt
