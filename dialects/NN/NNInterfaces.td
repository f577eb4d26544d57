// Interfaces of ops on tensors that analyses ask.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_NNINTERFACES_TD
#define QOPT_DIALECTS_NN_NNINTERFACES_TD

include "mlir/IR/OpBase.td"

def ChannelAxesOpInterface : OpInterface<"ChannelAxesOpInterface"> {
  let cppNamespace = "::qopt::nn";
  let description = [{
    An op that says which axes of its tensors move together when channels are
    scaled, permuted or rotated: the algebra of one op, nothing of the network
    around it. Ops without the interface pin all their tensors. The vocabulary
    is in ChannelAxes.h, what each op says in its ...ChannelAxes.cpp.
  }];
  let methods = [InterfaceMethod<
      "States the indices of the op's formula and the law of each.",
      "void", "stateChannelAxes", (ins "::qopt::nn::ChannelAxes &":$axes)>];
}

#endif
