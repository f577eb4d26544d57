// The passes of phase Quantize.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_QUANTIZE_TD
#define QOPT_PASSES_QUANTIZE_TD

include "mlir/Pass/PassBase.td"

def QuantizeContractionsPass : Pass<"qopt-quantize-contractions", "::mlir::func::FuncOp"> {
  let summary = "Encodes weights and the activations that meet them";
  let description = [{
    Every matmul and conv with a constant weight reads a decoded weight in the
    format of the plan (int8 per output channel where it is silent) and a
    decoded activation: static, in 8 bits with the scale and zero point of
    `lowbit.range`, or dynamic, in 8 bits with a scale for each row.

    ```mlir
    %y = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
    // becomes, static
    %q = lowbit.encode %x, %scale, %zero : ... -> tensor<4x8x!lowbit.q<uint<8>, zero_point>>
    %d = lowbit.decode %q : ... -> tensor<4x8xf32>
    %c = lowbit.constant {...} : tensor<8x2x!lowbit.q<int<8>, axis = 1>>
    %e = lowbit.decode %c : ... -> tensor<8x2xf32>
    %y = nn.matmul %d, %e : ...
    ```

    Static contractions also encode where their results flow on as residuals
    or through poolings to other static contractions. Values related by data
    movement share a scale.

    Declines, and says so in `lowbit.stays_float`, an op without a constant
    weight, a weight the plan keeps float, and a convolution whose input has no
    range. A matmul without a range for a static input becomes dynamic.
  }];
  let options = [
    Option<"activationPolicy", "activations", "std::string", "\"auto\"",
           "static, dynamic or auto (by what feeds the contraction)">,
    Option<"planFile", "plan", "std::string", "\"\"", "a plan as JSON">,
    ListOption<"sets", "set", "std::string",
               "REGEX=FORMAT for weights whose id matches">,
  ];
  let dependentDialects = ["::qopt::lowbit::LowBitDialect",
                           "::mlir::arith::ArithDialect"];
}

#endif
