// Traits that ops of several dialects carry.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_NNTRAITS_TD
#define QOPT_DIALECTS_NN_NNTRAITS_TD

include "mlir/IR/OpBase.td"

// Marks ops whose result element depends on one element of each operand, after
// numpy broadcasting. Emitters fuse them freely.
def NN_Pointwise : NativeOpTrait<"Pointwise"> {
  let cppNamespace = "::qopt::nn";
}
// Marks ops that only move elements: codes of a format pass through them.
def NN_DataMovement : NativeOpTrait<"DataMovement"> {
  let cppNamespace = "::qopt::nn";
}

#endif
