// The passes of phase Equalize.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_EQUALIZE_TD
#define QOPT_PASSES_EQUALIZE_TD

include "mlir/Pass/PassBase.td"

def SmoothChannelsPass : Pass<"qopt-smooth-channels", "::mlir::func::FuncOp"> {
  let summary = "Moves outlier channels from normalized activations into weights";
  let description = [{
    A positive factor for each channel between a layer_norm or rms_norm and the
    matmuls that read it: gain and bias are divided by it, the weights' rows
    multiplied. The product is unchanged, but channels become alike and lose
    less to a scale they share. Factors are `max|x_j|^a / max|w_j|^(1 - a)`
    (Xiao et al., SmoothQuant) with the strength `a` of least predicted error
    of activations and weights in 8 bits.

    ```mlir
    %n = nn.layer_norm %x, %gain, %bias {epsilon = 1.0e-5 : f32} : ...
    %y = nn.matmul %n, %w : ...
    // becomes
    %n = nn.layer_norm %x, %gain_over_s, %bias_over_s {epsilon = 1.0e-5 : f32} : ...
    %y = nn.matmul %n, %s_times_w : ...
    ```

    Declines, and says so in `lowbit.not_equalized`, a norm whose gain or bias
    is computed, that has readers other than matmuls with a constant matrix on
    the right, or for which no strength lowers the predicted error by 2 %.
    Without statistics channels are taken to reach four times their gain.
  }];
}

#endif
