// The encoded element type.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_LOWBIT_LOWBITTYPES_TD
#define QOPT_DIALECTS_LOWBIT_LOWBITTYPES_TD

include "dialects/LowBit/LowBitDialect.td"
include "mlir/IR/AttrTypeBase.td"

def LowBit_QType : TypeDef<LowBit_Dialect, "Q"> {
  let mnemonic = "q";
  let summary = "An element coded in a number format";
  let description = [{
    `!lowbit.q<int<4>, block = [32, 1], scale = f16>`: how one element is coded,
    what shares a scale, the scale's type, and whether there are zero points.
    Used as the element type of ranked tensors. See numerics::FormatSpec.
  }];
  let parameters = (ins "::qopt::numerics::FormatSpec":$spec);
  let hasCustomAssemblyFormat = 1;
}

#endif
