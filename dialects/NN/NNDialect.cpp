// Registration of the nn dialect.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/NNDialect.h"
#include "dialects/NN/ChannelAxes.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "dialects/NN/NNDialect.cpp.inc"

using namespace mlir;

void qopt::nn::NNDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/NN/NNOps.cpp.inc"
      >();
  MLIRContext *context = getContext();
  attachPointwiseChannelAxes(context);
  attachContractionChannelAxes(context);
  attachReductionChannelAxes(context);
  attachMovementChannelAxes(context);
}
