// The passes of phase Equalize.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_EQUALIZE_TD
#define QOPT_PASSES_EQUALIZE_TD

include "mlir/Pass/PassBase.td"

def SmoothChannelsPass : Pass<"qopt-smooth-channels", "::mlir::func::FuncOp"> {
  let summary = "Moves outlier channels from normalized activations into weights";
  let description = [{
    A positive factor for each channel of a diagonal space that the gain of a
    layer_norm or rms_norm writes (docs/channel-spaces.md): gain and bias are
    divided by it, the weights' rows of whatever reads it multiplied. The product is unchanged, but channels become alike and lose
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

    Declines, and says so in `lowbit.not_equalized`, a norm whose space is pinned
    (by a computed gain or weight, another reader, an output), is cut apart or
    carries the factors inversely somewhere, or for which no strength lowers the
    predicted error by 2 %.
    Without statistics channels are taken to reach four times their gain.
  }];
}

def EqualizeLayersPass : Pass<"qopt-equalize-layers", "::mlir::func::FuncOp"> {
  let summary = "Lifts quiet channels of activations between two layers";
  let description = [{
    A factor for each channel of a diagonal space with one layer that writes and
    one activation that layers read (docs/channel-spaces.md): the writer's weight
    and bias are multiplied by it, the readers' weights divided. The activation has one scale in 8 bits, which
    serves its loudest channel; quiet ones are lifted towards it (Nagel et al.,
    Data-Free Quantization):

    ```mlir
    %c = nn.conv %x, %w : ...
    %b = nn.add %c, %bias : ...
    %a = nn.clip %b {hi = 6.0 : f32, lo = 0.0 : f32} : ...
    %y = nn.conv %a, %v {groups = 8 : i64} : ...
    // becomes
    %c = nn.conv %x, %w_times_s {lowbit.equalized} : ...
    %b = nn.add %c, %bias_times_s : ...
    %a = nn.clip %b {hi = 6.0 : f32, lo = 0.0 : f32} : ...
    %y = nn.conv %a, %v_over_s {groups = 8 : i64} : ...
    ```

    Factors are at least 1; of several strengths that with the least predicted
    error is taken. A lifted channel reaches 0.8 of the range, or of a clip's
    bound, on the calibration data: what clips beyond was never seen there and
    would saturate in the codes.

    Declines without statistics, where codes may be kept between the layers (by
    pooling, a residual, movement), where a clip does not begin at zero, where
    constants that others read as well would have to be stored twice (more than
    64 KiB of them), and where no strength lowers the predicted error by 2 %.
  }];
}

def PrintChannelSpacesPass : Pass<"qopt-print-channel-spaces", "::mlir::ModuleOp"> {
  let summary = "Prints what can be scaled, permuted and rotated without changing the network";
  let description = [{
    Writes the channel spaces of each function to standard output, as comments
    before the module, which it leaves as it is (docs/channel-spaces.md):

    ```mlir
    %0 = nn.matmul %x, %w1 : ...
    %1 = nn.add %0, %b1 : ...
    %2 = nn.relu %1 : ...
    %3 = nn.matmul %2, %w2 : ...
    // prints, among others,
    // D: positive diagonals
    //   D1   16        free    w1[1] b1[0] -> w2[0]
    // P: permutations
    //   P1   16        free    w1[1] b1[0] -> w2[0]
    // O: orthogonal maps
    //   O1   16        pinned  w1[1] b1[0] -> nothing
    //         nn.relu: nonlinear
    ```
  }];
  let options = [Option<"privateState", "private-state", "bool", "false",
      "what an input carries on from an output is nobody else's">];
}

#endif
