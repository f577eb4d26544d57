// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// By structure: names of inputs and outputs mean nothing.
#include "lib/Analysis/StatePairs.h"
#include "dialects/NN/NNOps.h"

using namespace mlir;

namespace qopt {

std::vector<StatePair> findStatePairs(func::FuncOp function) {
  std::vector<StatePair> pairs;
  if (function.isExternal())
    return pairs;
  for (OpOperand &output : function.front().getTerminator()->getOpOperands()) {
    auto concat = output.get().getDefiningOp<nn::ConcatOp>();
    if (!concat || concat.getInputs().empty())
      continue;
    auto past = dyn_cast<BlockArgument>(concat.getInputs().front());
    if (!past || past.getOwner() != &function.front() ||
        llvm::count(concat.getInputs(), past) != 1)
      continue;
    bool isOnlyState = llvm::all_of(past.getUsers(), [&](Operation *user) {
      return user == concat || isa<tensor::DimOp>(user);
    });
    bool isOnlyOutput = llvm::none_of(
        pairs, [&](const StatePair &pair) { return pair.past == past; });
    if (isOnlyState && isOnlyOutput)
      pairs.push_back({past, &output, unsigned(concat.getAxis())});
  }
  return pairs;
}

} // namespace qopt
