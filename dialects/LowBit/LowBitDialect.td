// The lowbit dialect: how numbers are stored.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_LOWBIT_LOWBITDIALECT_TD
#define QOPT_DIALECTS_LOWBIT_LOWBITDIALECT_TD

include "mlir/IR/OpBase.td"

def LowBit_Dialect : Dialect {
  let name = "lowbit";
  let cppNamespace = "::qopt::lowbit";
  let summary = "Number formats: encoding, decoding and code arithmetic";
  let description = [{
    Precision lives in types: a quantized tensor has the element type
    `!lowbit.q<...>` and one SSA value bundles its codes, scales and zero
    points. `encode` and `decode` move between real numbers and a format. After
    the arithmetic of a kernel is stated, codes are plain integer tensors and
    `quantize`, `requantize`, `dequantize` say exactly how they are computed.
  }];
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerOps();
  }];
}

#endif
