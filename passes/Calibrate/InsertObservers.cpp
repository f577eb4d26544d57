// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which values are observed follows from the same analysis that Quantize uses,
// with every contraction taken as static: a superset of what any choice needs.
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/Contractions.h"
#include "lib/Analysis/EncodedEdges.h"
#include "lib/Analysis/ValueIds.h"
#include "passes/Calibrate/Passes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_INSERTOBSERVERSPASS
#include "passes/Calibrate/Passes.h.inc"

namespace {

// Normalization outputs feed dynamic matmuls and Equalize reads their channels;
// they are contraction inputs and so among the edges already.
void observe(OpBuilder &builder, Value value) {
  builder.setInsertionPointAfterValue(value);
  lowbit::ObserveOp::create(builder, value.getLoc(), value, valueId(value));
}

struct InsertObservers : impl::InsertObserversPassBase<InsertObservers> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    // Bodies of branches and loops are private; they stay in floats.
    if (function.isExternal() || function.isPrivate())
      return;
    assignValueIds(function);
    OpBuilder builder(&getContext());
    EncodedEdges edges(findContractions(function));
    for (Value value : edges.values())
      if (!valueId(value).empty())
        observe(builder, value);
  }
};

} // namespace
} // namespace qopt
