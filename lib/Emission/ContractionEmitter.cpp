// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/ContractionEmitter.h"
#include "lib/Emission/ContractionRoot.h"
#include "lib/Emission/FusedEpilogue.h"

using namespace mlir;

namespace qopt::emission {

LogicalResult emitContraction(KernelBuilder &kb, Block &body) {
  KernelShapes shapes(body);
  if (!shapes.valid())
    return failure();
  std::optional<ContractionRoot> root = matchContractionRoot(body, shapes);
  if (!root)
    return failure();
  SmallVector<Operation *> covered(root->unpacks);
  covered.push_back(root->op);
  auto epilogue = FusedEpilogue::build(body, root->op->getResult(0), shapes,
                                       covered);
  if (!epilogue)
    return failure();
  emitContractionKernel(kb, root->problem, *epilogue);
  return success();
}

} // namespace qopt::emission
