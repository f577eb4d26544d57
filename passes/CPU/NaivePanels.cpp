// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive unpack_panels: packed weights back to their logical tensor.

#include "dialects/Exec/ExecOps.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

LogicalResult qopt::naive::emitNaivePanels(NaiveBuilder &nb, Operation *op) {
  if (!isa<exec::UnpackPanelsOp>(op))
    return failure();
  return op->emitError("expects a panel layout with a naive form");
}
