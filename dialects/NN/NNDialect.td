// The nn dialect: what a network computes.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_NNDIALECT_TD
#define QOPT_DIALECTS_NN_NNDIALECT_TD

include "mlir/IR/OpBase.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::qopt::nn";
  let summary = "Neural network operators on tensors";
  let description = [{
    Operators under the names the field gives them, on immutable ranked
    tensors. Images are channels-last (NHWC). Every op states its arithmetic,
    infers its result type and can compute its dynamic result dimensions. See
    README.md in this folder for the decisions behind it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif
