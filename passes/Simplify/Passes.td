// The passes of phase Simplify.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_SIMPLIFY_TD
#define QOPT_PASSES_SIMPLIFY_TD

include "mlir/Pass/PassBase.td"

def FoldConstantsPass : Pass<"qopt-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Evaluate nn ops whose operands are constants";
  let description = [{
    ```mlir
    %w = nn.transpose %constant {perm = array<i64: 0, 2, 3, 1>}
    // ->
    %w = arith.constant dense_resource<...>
    ```

    Arithmetic is that of the kernels, so folding changes no bit. Declines
    where the result would be much larger than its operands (a broadcast), and
    for contractions, reductions and windows.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def WidenHalfPrecisionPass : Pass<"qopt-widen-half-precision", "::mlir::func::FuncOp"> {
  let summary = "Compute f16 and bf16 networks in f32";
  let description = [{
    ```mlir
    %a = nn.mul %x, %y       // tensor<?xf16>
    %b = nn.exp %a           // tensor<?xf16>
    // ->
    %0 = nn.mul %x32, %y32   // tensor<?xf32>
    %1 = nn.exp %0           // tensor<?xf32>
    ```

    f16 and bf16 are how a model stores numbers: kernels have f32 lanes, so
    rounding after every op would cost time and accuracy. Inputs, outputs and
    constants keep their type and are cast where they are used; casts to half
    precision in between vanish. What is rounded in the end is therefore at
    least as close to the exact result, and values beyond f16's 65504 survive.
    Integers, f32 and f64 stay as they are, and so does stored data that is only
    moved (a row of an f16 embedding table is cast after it is found).
  }];
  let dependentDialects = ["::qopt::nn::NNDialect"];
}

def TrimConstantsPass : Pass<"qopt-trim-constants", "::mlir::func::FuncOp"> {
  let summary = "Drop leading axes of size 1 from constant operands";
  let description = [{
    ```mlir
    %y = nn.add %x, %bias    // tensor<?x8xf32>, constant tensor<1x8xf32>
    %z = nn.matmul %u, %w    // tensor<?x4x8xf32>, constant tensor<1x8x8xf32>
    // ->
    %y = nn.add %x, %bias    // tensor<?x8xf32>, tensor<8xf32>
    %z = nn.matmul %u, %w    // tensor<?x4x8xf32>, tensor<8x8xf32>
    ```

    A bias is a vector and a weight a matrix from here on. Declines where only
    the constant gives the result its rank.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def SimplifyMovementPass : Pass<"qopt-simplify-movement", "::mlir::func::FuncOp"> {
  let summary = "Sink transposes to their inverses; merge reshapes and transposes";
  let description = [{
    Transposes move through pointwise ops, reductions, concat, pad, slice, row
    ops whose rows stay last, and reshapes that merge or split neighbouring
    axes; constants on the way are permuted. Two that meet merge, and one that
    moves only axes of size 1 becomes a reshape, which is free:

    ```mlir
    %t = nn.transpose %conv1 {perm = array<i64: 0, 3, 1, 2>}   // to NCHW
    %r = nn.relu %t
    %u = nn.transpose %r {perm = array<i64: 0, 2, 3, 1>}       // and back
    // ->
    %u = nn.relu %conv1
    ```

    A reshape in front of a unary op moves behind it, so that the op can join
    the kernel before it. A convolution takes over zero padding in front of it,
    and a matmul with a constant weight the transpose of a flattened image, as
    another order of its rows. Declines where another operand would have to be
    transposed instead.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FoldAffinePass : Pass<"qopt-fold-affine", "::mlir::func::FuncOp"> {
  let summary = "Fold batch norm, scales and biases into weights";
  let description = [{
    ```mlir
    %y = nn.conv %x, %w
    %s = nn.mul %y, %gain       // one factor an output channel
    %b = nn.add %s, %offset
    // ->
    %y = nn.conv %x, %w_scaled
    %b = nn.add %y, %offset
    ```

    Also factors on the input channels, sums of biases, quotients by powers of
    two (exact as products), and neutral operands. Declines when the weight or
    the intermediate value has other users, when factors vary along another
    axis than the channels, and for offsets in front of a contraction.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def RaiseNormalizationPass : Pass<"qopt-raise-normalization", "::mlir::func::FuncOp"> {
  let summary = "Recognize layer norm and RMS norm written out";
  let description = [{
    ```mlir
    %m = nn.reduce_mean %x {axes = array<i64: 2>}
    %d = nn.sub %x, %m
    %q = nn.mul %d, %d
    %v = nn.reduce_mean %q {axes = array<i64: 2>}
    %e = nn.add %v, %epsilon
    %s = nn.sqrt %e
    %n = nn.div %d, %s
    %g = nn.mul %n, %gain
    %y = nn.add %g, %bias
    // ->
    %y = nn.layer_norm %x, %gain, %bias {epsilon = 1.0e-05 : f32}
    ```

    Without the mean it is nn.rms_norm. Any spelling of the quotient (rsqrt,
    reciprocal, a power) and of the square will do. Declines when the mean is
    not over exactly the last axis, or the rows have no fixed size.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def CentreVariancePass : Pass<"qopt-centre-variance", "::mlir::func::FuncOp"> {
  let summary = "Take variances of centred values";
  let description = [{
    ```mlir
    // mean(x^2) - mean(x)^2
    %v = nn.sub %mean_of_squares, %square_of_mean
    // -> mean((x - mean(x))^2)
    %m = nn.reduce_mean %x {axes = array<i64: 1>}
    %d = nn.sub %x, %m
    %q = nn.mul %d, %d
    %v = nn.reduce_mean %q {axes = array<i64: 1>}
    ```

    The difference of two large numbers loses what the variance is made of: in
    float32 half of its digits where the mean is 64 times the deviation. Over any
    axes, the mean also as a sum over the number of elements. For norms that
    qopt-raise-normalization leaves, whose op does the same. Declines when the
    means are of other axes or of an unknown number of elements, and when a
    constant of more axes (a `[1]` for a sum without any) changes their shape.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect"];
}

def RaiseActivationsPass : Pass<"qopt-raise-activations", "::mlir::func::FuncOp"> {
  let summary = "Recognize GELU, SiLU and hard swish written out";
  let description = [{
    An activation is a polynomial in x and one nonlinear value (erf, tanh,
    sigmoid, clip), whatever the order of the exporter's products and sums:

    ```mlir
    %a = nn.div %x, %sqrt2
    %e = nn.erf %a
    %o = nn.add %e, %one
    %p = nn.mul %x, %o
    %y = nn.mul %p, %half      // 0.5 x + 0.5 x erf(0.7071 x)
    // ->
    %y = nn.gelu %x
    ```

    Declines when a coefficient differs by more than 1e-4 of itself.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect"];
}

def PointwiseConvToMatMulPass
    : Pass<"qopt-pointwise-conv-to-matmul", "::mlir::func::FuncOp"> {
  let summary = "Make matmuls of convolutions that look at one pixel";
  let description = [{
    ```mlir
    %y = nn.conv %x, %filter    // tensor<?x7x7x32xf32>, tensor<64x1x1x32xf32>
    // ->
    %y = nn.matmul %x, %w       // tensor<?x7x7x32xf32>, tensor<32x64xf32>
    ```

    The sums are the same to the bit. Whatever is known about matmuls (formats,
    rounding, row scales) then holds for these convolutions. Declines when the
    convolution is strided, padded or grouped, or its filter is computed or has
    other readers.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def RaiseAttentionPass : Pass<"qopt-raise-attention", "::mlir::func::FuncOp"> {
  let summary = "Recognize scaled dot-product attention";
  let description = [{
    ```mlir
    %s = nn.matmul %q, %kT
    %t = nn.div %s, %eight
    %m = nn.add %t, %mask
    %p = nn.softmax %m
    %o = nn.matmul %p, %v
    // ->
    %o = nn.attention %q, %k, %v, %mask {scale = 0.125 : f32}
    ```

    Scalar factors may stand on the scores, on the queries or on the keys.
    Declines when the softmax has other users, when queries, keys and values
    differ in their leading axes, or when the factor comes after the mask.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect"];
}

def GroupHeadsPass : Pass<"qopt-group-heads", "::mlir::func::FuncOp"> {
  let summary = "Read keys and values that heads share once";
  let description = [{
    ```mlir
    %w = nn.broadcast_to %k to [2, 3, 4, 49, 16]     // %k: 2x3x1x49x16
    %r = nn.reshape %w to [2, 12, 49, 16]            // and so for the values
    %o = nn.attention %q, %r, %s                     // %q: 2x12x49x16
    // ->
    %g = nn.reshape %q to [2, 3, 4, 49, 16]
    %a = nn.attention %g, %k, %v
    %o = nn.reshape %a to [2, 12, 49, 16]
    ```

    Reshapes are free: nothing is repeated in memory. Declines when keys and
    values are repeated differently or no times at all, when sizes cannot be
    seen to stay as they are, or when the queries or the mask have a number of
    heads that is not known.
  }];
  let dependentDialects = ["::qopt::nn::NNDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif
