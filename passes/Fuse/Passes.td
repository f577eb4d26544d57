// The passes of phase Fuse: state the arithmetic, then cut the graph into
// kernels.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_FUSE_TD
#define QOPT_PASSES_FUSE_TD

include "mlir/Pass/PassBase.td"

def StateArithmeticPass : Pass<"qopt-state-arithmetic", "::mlir::func::FuncOp"> {
  let summary = "Say in which numbers each contraction is computed";
  let description = [{
    A matmul or conv of two decoded operands becomes an integer contraction of
    their codes, with the zero point folded into an i32 bias and the result
    rescaled to f32 or, where the next op encodes it, requantized:

    ```mlir
    %y = nn.matmul (decode %x), (decode %w)   // x: ui8 per tensor, w: i8 per channel
    // ->
    %acc = nn.matmul (codes of %x), (codes of %w)   // i32
    %b   = nn.add %acc, %bias                       // bias - zero * column sums
    %y   = lowbit.rescale %b, %scales
    ```

    int4 weights in blocks become `lowbit.block_matmul`. Every other encode,
    decode and encode_rows becomes quantize, dequantize and quantize_rows;
    decodes of constants fold. No `!lowbit.q` type is left.

    Declines to use integers when the weight is not a constant, its scales do
    not lie along the outputs, or the activation has several scales: the
    operands are then dequantized and the contraction stays float.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::qopt::lowbit::LowBitDialect",
                           "::mlir::arith::ArithDialect"];
}

def FormKernelsPass : Pass<"qopt-form-kernels", "::mlir::func::FuncOp"> {
  let summary = "Cut the graph into exec.kernel regions";
  let description = [{
    Every op that computes joins a kernel. A kernel has at most one root
    (contraction, window, attention or data movement) or a chain of row ops;
    pointwise ops join the kernel that produces their operand, if they have its
    shape and joining makes no cycle. Constants of one value move inside;
    others become operands. Reshapes stay between kernels: they are free.

    `fuse=false` gives every op a kernel of its own (the `-O0` witness).
  }];
  let options = [Option<"fuse", "fuse", "bool", "true",
                        "let pointwise ops join the kernels they follow">];
  let dependentDialects = ["::qopt::exec::ExecDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif
