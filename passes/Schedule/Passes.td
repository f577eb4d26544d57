// The passes of phase Schedule: lay weights out for their kernels and write the
// program.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_SCHEDULE_TD
#define QOPT_PASSES_SCHEDULE_TD

include "mlir/Pass/PassBase.td"

def PackWeightsPass : Pass<"qopt-pack-weights", "::mlir::func::FuncOp"> {
  let summary = "Store constant contraction operands in the kernels' panel layout";
  let description = [{
    ```mlir
    exec.kernel (%x, %w) { ^bb0(%a, %b: tensor<64x8xi8>): nn.matmul %a, %b ... }
    // ->
    exec.kernel (%x, %packed) { ^bb0(%a, %p: tensor<1024xi8>):
      %b = exec.unpack_panels %p {layout = "panel16x4"} ... nn.matmul %a, %b ... }
    ```

    f32 weights that are all f16 or bf16 numbers (a model converted from half
    precision) are stored as such: half the bytes, the same results.

    Declines when the operand is not a constant, is used by anything else in the
    kernel, or the kernel's emitter reads it unpacked (depthwise convolution).
  }];
  let dependentDialects = ["::qopt::exec::ExecDialect", "::mlir::arith::ArithDialect"];
}

def OutlineProgramPass : Pass<"qopt-outline-program", "::mlir::ModuleOp"> {
  let summary = "Outline kernels, equal ones once, and write the exec.program";
  let description = [{
    `func.func @main` of kernels, reshapes, observers and index arithmetic
    becomes an `exec.program` of launches, views and taps; the kernels become
    `exec.kernel_def` symbols, deduplicated by structure.

    Fails on ops that no kernel took.
  }];
  let dependentDialects = ["::qopt::exec::ExecDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif
