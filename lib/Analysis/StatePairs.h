// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// State that a caller carries from one run to the next, as decoders do with the
// keys and values of past tokens:
//
//   present = concat(past, new)     past an input, present an output
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <vector>

namespace qopt {

struct StatePair {
  mlir::BlockArgument past;
  mlir::OpOperand *present = nullptr; // Of func.return.
  unsigned axis = 0;                  // Along which it grows.
};

// Pairs whose `past` is read by that concat only (and asked for its sizes), in
// the order of the outputs.
std::vector<StatePair> findStatePairs(mlir::func::FuncOp function);

} // namespace qopt
