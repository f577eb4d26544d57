// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive elementwise ops, and scale_channels.

#include "dialects/LowBit/LowBitOps.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

LogicalResult qopt::naive::emitNaivePointwise(NaiveBuilder &nb, Operation *op) {
  if (auto scale = dyn_cast<lowbit::ScaleChannelsOp>(op)) {
    nb.forIndices(nb.dims(scale.getX()), [&](ArrayRef<Value> at) {
      Value factor = nb.read(scale.getFactors(), at[scale.getAxis()]);
      nb.write(scale.getResult(), at,
               nb.kb.mulf(nb.read(scale.getX(), at), factor));
    });
    return success();
  }
  if (!emission::isPointwise(op))
    return failure();
  Value result = op->getResult(0);
  LogicalResult status = success();
  nb.forIndices(nb.dims(result), [&](ArrayRef<Value> at) {
    SmallVector<Value> lanes;
    for (Value operand : op->getOperands())
      lanes.push_back(nb.readBroadcast(operand, at));
    FailureOr<Value> lane = emission::emitPointwise(nb.kb, op, lanes);
    if (failed(lane))
      status = failure();
    else
      nb.write(result, at, *lane);
  });
  return status;
}
