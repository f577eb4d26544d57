// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Halves a vector by shuffles until one lane is left.

#include "lib/Emission/RowReduction.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

Value qopt::emission::joinPartials(
    KernelBuilder &kb, Value partials,
    llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t half : {8, 4, 2, 1}) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < half; ++lane) {
      low.push_back(lane);
      high.push_back(lane + half);
    }
    Value a = kb.create<vector::ShuffleOp>(partials, partials, low);
    Value b = kb.create<vector::ShuffleOp>(partials, partials, high);
    partials = combine(a, b);
  }
  return kb.extract(partials, 0);
}

Value qopt::emission::maskDead(KernelBuilder &kb, Value lanes, LiveLanes live,
                               Value neutral) {
  if (live.all())
    return lanes;
  return kb.create<arith::SelectOp>(kb.laneMask(live.count), lanes, neutral);
}
