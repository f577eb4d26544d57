// The operators of the nn dialect, one ODS class a family.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_NNOPS_TD
#define QOPT_DIALECTS_NN_NNOPS_TD

include "dialects/NN/NNDialect.td"
include "dialects/NN/NNTraits.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// Every nn op has one ranked tensor result, no side effects, and one shape
// function in NNShapes.cpp that serves both type inference and the computation
// of dynamic dimensions.
class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<NN_Dialect, mnemonic, !listconcat(traits, [
          Pure,
          DeclareOpInterfaceMethods<InferTypeOpInterface>,
          DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                    ["reifyResultShapes"]>])> {
  let results = (outs AnyRankedTensor:$result);
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred,
                                        ::mlir::TypeRange actual);
  }];
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes,
        ::mlir::OpaqueProperties properties, ::mlir::RegionRange regions,
        ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::qopt::nn::detail::inferTypes(
          $cppClass::Adaptor(operands, attributes, properties, regions),
          context, location, types);
    }
    ::llvm::LogicalResult $cppClass::reifyResultShapes(
        ::mlir::OpBuilder &builder,
        ::mlir::ReifiedRankedShapedTypeDims &shapes) {
      return ::qopt::nn::detail::reifyShapes($cppClass::Adaptor(*this),
                                             getOperation(), builder, shapes);
    }
    bool $cppClass::isCompatibleReturnTypes(::mlir::TypeRange inferred,
                                            ::mlir::TypeRange actual) {
      return ::qopt::nn::detail::areCompatible(inferred, actual);
    }
  }];
}

//===-- Elementwise, one operand ------------------------------------------===//

class NN_UnaryOp<string mnemonic, string formula, dag extra = (ins)>
    : NN_Op<mnemonic, [NN_Pointwise]> {
  let summary = "Elementwise " # mnemonic;
  let description = "`result[i] = " # formula # "`\n\n"
      "```mlir\n%y = nn." # mnemonic # " %x : (tensor<?x8xf32>) -> tensor<?x8xf32>\n```";
  let arguments = !con((ins AnyRankedTensor:$x), extra);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def NN_ReluOp : NN_UnaryOp<"relu", "max(x, 0)">;
def NN_LeakyReluOp : NN_UnaryOp<"leaky_relu", "x >= 0 ? x : alpha * x", (ins F32Attr:$alpha)>;
def NN_ClipOp : NN_UnaryOp<"clip", "min(max(x, lo), hi)", (ins F32Attr:$lo, F32Attr:$hi)>;
def NN_SigmoidOp : NN_UnaryOp<"sigmoid", "1 / (1 + exp(-x))">;
def NN_TanhOp : NN_UnaryOp<"tanh", "tanh(x)">;
def NN_ErfOp : NN_UnaryOp<"erf", "erf(x)">;
def NN_ExpOp : NN_UnaryOp<"exp", "exp(x)">;
def NN_LogOp : NN_UnaryOp<"log", "log(x)">;
def NN_SqrtOp : NN_UnaryOp<"sqrt", "sqrt(x)">;
def NN_RsqrtOp : NN_UnaryOp<"rsqrt", "1 / sqrt(x)">;
def NN_ReciprocalOp : NN_UnaryOp<"reciprocal", "1 / x">;
def NN_NegOp : NN_UnaryOp<"neg", "-x">;
def NN_AbsOp : NN_UnaryOp<"abs", "|x|">;
def NN_FloorOp : NN_UnaryOp<"floor", "floor(x)">;
def NN_CeilOp : NN_UnaryOp<"ceil", "ceil(x)">;
def NN_RoundOp : NN_UnaryOp<"round", "x rounded to nearest, ties to even">;
def NN_SinOp : NN_UnaryOp<"sin", "sin(x)">;
def NN_CosOp : NN_UnaryOp<"cos", "cos(x)">;
def NN_GeluOp : NN_UnaryOp<"gelu", "(x * 0.5) * (1 + erf(x * 0.70710678f))">;
def NN_GeluTanhOp : NN_UnaryOp<"gelu_tanh", "(x * 0.5) * (1 + tanh(0.79788456f * (x + 0.044715f * ((x * x) * x))))">;
def NN_SiluOp : NN_UnaryOp<"silu", "x * sigmoid(x)">;
def NN_SoftplusOp : NN_UnaryOp<"softplus", "max(x, 0) + log(1 + exp(-|x|))">;
def NN_HardSigmoidOp : NN_UnaryOp<"hard_sigmoid", "min(max(alpha * x + beta, 0), 1)", (ins F32Attr:$alpha, F32Attr:$beta)>;
def NN_HardSwishOp : NN_UnaryOp<"hard_swish", "x * min(max(x * 0.16666667f + 0.5, 0), 1)">;
def NN_NotOp : NN_UnaryOp<"not", "!x (i1)">;

def NN_ElementaryFunction : I32EnumAttr<"ElementaryFunction",
    "a circular or hyperbolic function",
    [I32EnumAttrCase<"asin", 0>, I32EnumAttrCase<"acos", 1>,
     I32EnumAttrCase<"atan", 2>, I32EnumAttrCase<"sinh", 3>,
     I32EnumAttrCase<"cosh", 4>, I32EnumAttrCase<"asinh", 5>,
     I32EnumAttrCase<"acosh", 6>, I32EnumAttrCase<"atanh", 7>]> {
  let cppNamespace = "::qopt::nn";
}
def NN_ElementaryOp : NN_UnaryOp<"elementary", "function(x), for the functions that models rarely use",
    (ins NN_ElementaryFunction:$function)>;

def NN_CastOp : NN_Op<"cast", [NN_Pointwise]> {
  let summary = "Elementwise conversion to another element type";
  let description = [{
    Float to integer truncates toward zero and saturates, NaN becomes 0 (to
    integers of 2 and 4 bits it keeps the low bits of the i32 it is);
    integer to float rounds to nearest even; anything to `i1` is `x != 0`.
    A number beyond the largest of an 8-bit or 4-bit float type becomes the
    largest; with `overflow` it becomes infinite, or NaN where the type has no
    infinity.

    ```mlir
    %y = nn.cast %x to f32 : (tensor<4xi64>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, TypeAttr:$to, UnitAttr:$overflow);
  let assemblyFormat = "$x `to` $to attr-dict `:` functional-type(operands, results)";
}

def NN_BitCastOp : NN_Op<"bit_cast", [NN_Pointwise]> {
  let summary = "Elementwise, the same bits as another element type";
  let description = [{
    Truth values are the bytes 0 and 1; any other byte read as one is true.

    - (bit_cast_c1) both element types take as many bits in a tensor, truth
      values 8.

    ```mlir
    %y = nn.bit_cast %x to i32 : (tensor<4xf32>) -> tensor<4xi32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, TypeAttr:$to);
  let assemblyFormat = "$x `to` $to attr-dict `:` functional-type(operands, results)";
}

//===-- Elementwise, several operands, numpy broadcasting -----------------===//

class NN_BinaryOp<string mnemonic, string formula, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat(traits, [NN_Pointwise])> {
  let summary = "Elementwise " # mnemonic # " with numpy broadcasting";
  let description = "`result[i] = " # formula # "`\n\n"
      "(" # mnemonic # "_c1) dimensions of the operands, aligned at the last, are equal or 1.\n\n"
      "```mlir\n%y = nn." # mnemonic # " %a, %b : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>\n```";
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_AddOp : NN_BinaryOp<"add", "lhs + rhs", [Commutative]>;
def NN_SubOp : NN_BinaryOp<"sub", "lhs - rhs">;
def NN_MulOp : NN_BinaryOp<"mul", "lhs * rhs", [Commutative]>;
def NN_DivOp : NN_BinaryOp<"div", "lhs / rhs">;
def NN_MinOp : NN_BinaryOp<"min", "min(lhs, rhs), NaN if either is">;
def NN_MaxOp : NN_BinaryOp<"max", "max(lhs, rhs), NaN if either is">;
def NN_PowOp : NN_BinaryOp<"pow", "lhs ^ rhs (integers wrap; of a negative rhs, truncated toward 0)">;
def NN_ModOp : NN_BinaryOp<"mod", "lhs - rhs * trunc(lhs / rhs), exactly (floats; the sign is lhs's)">;
def NN_EqualOp : NN_BinaryOp<"equal", "lhs == rhs (i1)">;
def NN_LessOp : NN_BinaryOp<"less", "lhs < rhs (i1)">;
def NN_LessEqualOp : NN_BinaryOp<"less_equal", "lhs <= rhs (i1)">;
def NN_GreaterOp : NN_BinaryOp<"greater", "lhs > rhs (i1)">;
def NN_GreaterEqualOp : NN_BinaryOp<"greater_equal", "lhs >= rhs (i1)">;
def NN_AndOp : NN_BinaryOp<"and", "lhs & rhs (of integers, bit by bit)">;
def NN_OrOp : NN_BinaryOp<"or", "lhs | rhs (of integers, bit by bit)">;

def NN_SelectOp : NN_Op<"select", [NN_Pointwise]> {
  let summary = "Elementwise choice with numpy broadcasting";
  let description = "`result[i] = condition[i] ? lhs[i] : rhs[i]`";
  let arguments = (ins AnyRankedTensor:$condition, AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
  let assemblyFormat = "$condition `,` $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

//===-- Contractions -------------------------------------------------------===//

def NN_MatMulOp : NN_Op<"matmul"> {
  let summary = "Matrix product over the last two axes";
  let description = [{
    `result[.., m, n] = sum_k lhs[.., m, k] * rhs[.., k, n]`, leading axes
    broadcast. Floats accumulate ascending k by fused multiply-add from 0;
    integers accumulate exactly in i32.

    - (matmul_c1) the last axis of `lhs` equals the last but one of `rhs`.
    - (matmul_c2) both are floats of one type, or `lhs` is ui8 or i8 and `rhs` i8.
    - (matmul_c3) both have rank 2 or more.

    ```mlir
    %y = nn.matmul %x, %w : (tensor<?x64xf32>, tensor<64x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

class NN_WindowOp<string mnemonic> : NN_Op<mnemonic> {
  code windowNote = [{
    Axes: input [N, H, W, C]; `pads` = [top, left, bottom, right];
    out = floor((in + pads - dilation * (kernel - 1) - 1) / stride) + 1.
  }];
}

def NN_ConvOp : NN_WindowOp<"conv"> {
  let summary = "2-D convolution, channels last";
  let description = [{
    `x` is [N, H, W, C], `filter` [O, KH, KW, C / groups], the result
    [N, OH, OW, O]. Accumulates ascending (kh, kw, c), floats by fused
    multiply-add (taps in the padding multiply `pad_value`), integers exactly
    in i32. `pad_value` is the code that stands for 0 (a zero point).

    - (conv_c1) both operands have rank 4.
    - (conv_c2) C equals filter's last axis times `groups`; `groups` divides O.
    - (conv_c3) element types as for matmul.

    ```mlir
    %y = nn.conv %x, %f {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>} : (tensor<?x28x28x16xf32>, tensor<32x3x3x16xf32>) -> tensor<?x14x14x32xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$filter,
      DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
      DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads,
      DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilations,
      DefaultValuedAttr<I64Attr, "1">:$groups,
      DefaultValuedAttr<I64Attr, "0">:$pad_value);
  let assemblyFormat = "$x `,` $filter attr-dict `:` functional-type(operands, results)";
}

class NN_PoolOp<string mnemonic, string formula, dag extra = (ins)> : NN_WindowOp<mnemonic> {
  let summary = "2-D pooling, channels last: " # formula;
  let description = "`result[n, y, x, c] = " # formula # " over the window`, "
      "ascending (kh, kw). Windows see only elements inside the input.\n\n"
      "(" # mnemonic # "_c1) the operand has rank 4.";
  let arguments = !con((ins AnyRankedTensor:$x, DenseI64ArrayAttr:$kernel,
      DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
      DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads,
      DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilations), extra);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}
def NN_MaxPoolOp : NN_PoolOp<"max_pool", "maximum">;
def NN_AvgPoolOp : NN_PoolOp<"avg_pool", "sum / count (count includes padding if asked)",
    (ins DefaultValuedAttr<BoolAttr, "false">:$count_include_pad)>;

def NN_AttentionOp : NN_Op<"attention"> {
  let summary = "Scaled dot-product attention";
  let description = [{
    `softmax((q kᵀ) * scale + mask) v` on [.., S, D] tensors; `mask` is added
    and broadcasts to [.., Sq, Sk]. Arithmetic: that of matmul, mul, add,
    softmax, matmul in this order. Grouped heads, several queries' to one of keys
    and values, have an axis of their own, which is 1 in k and v.

    - (attention_c1) q and k agree in D, k and v in S.
    - (attention_c2) leading axes of k and v are those of q, or 1 by their type.

    ```mlir
    %o = nn.attention %q, %k, %v {scale = 0.125 : f32} : (tensor<1x12x128x64xf32>, tensor<1x12x128x64xf32>, tensor<1x12x128x64xf32>) -> tensor<1x12x128x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$q, AnyRankedTensor:$k, AnyRankedTensor:$v,
      Optional<AnyRankedTensor>:$mask, F32Attr:$scale);
  let assemblyFormat = "$q `,` $k `,` $v (`,` $mask^)? attr-dict `:` functional-type(operands, results)";
}

def NN_RecurrentCell : I32EnumAttr<"RecurrentCell", "how a recurrence steps",
    [I32EnumAttrCase<"rnn", 0>, I32EnumAttrCase<"gru", 1>,
     I32EnumAttrCase<"lstm", 2>]> {
  let cppNamespace = "::qopt::nn";
}
def NN_RecurrentActivation : I32EnumAttr<"RecurrentActivation", "an activation of a cell",
    [I32EnumAttrCase<"sigmoid", 0>, I32EnumAttrCase<"tanh", 1>,
     I32EnumAttrCase<"relu", 2>, I32EnumAttrCase<"leaky_relu", 3>,
     I32EnumAttrCase<"thresholded_relu", 4>, I32EnumAttrCase<"scaled_tanh", 5>,
     I32EnumAttrCase<"hard_sigmoid", 6>, I32EnumAttrCase<"elu", 7>,
     I32EnumAttrCase<"softsign", 8>, I32EnumAttrCase<"softplus", 9>,
     I32EnumAttrCase<"affine", 10>]> {
  let cppNamespace = "::qopt::nn";
}

def NN_RecurrenceOp : NN_Op<"recurrence", [AttrSizedOperandSegments]> {
  let summary = "RNN, GRU or LSTM steps along the first axis";
  let description = [{
    `x` [T, B, G * H] is what the inputs contribute to the G gates of each step
    (bias included), `weights` [H, G * H] maps the hidden state h to the rest:
    `a = x[t] + h weights`, one chain of fused multiply-adds ascending in H that
    starts at x. Gates lie side by side: z r n for gru, i o f c for lstm. With
    activations f, g, k in this order, all products and sums unfused:

    - rnn: `h = f(a)`
    - gru: `z = f(a_z); r = f(a_r); n = g(x_n + (r * h) weights_n);
      h = (1 - z) * n + z * h`. With `linear_before_reset`,
      `n = g(x_n + r * (hidden_bias + h weights_n))`.
    - lstm: `i = f(a_i + p_i * c); f = f(a_f + p_f * c) or with input_forget
      1 - i; c = f * c + i * g(a_c); h = f(a_o + p_o * c) * k(c)` with
      `peepholes` p = [i o f].

    `clip`, if positive, bounds what enters f and g. `h` and `c` [B, H] are the
    state before the first step, 0 where absent. The result [T + 1, B, H], for
    lstm [T + 1, B, 2 * H] with h before c, holds every state: row 0 the first,
    row t + 1 that after step t. With `reverse` steps run from T - 1 down to 0:
    row T is the first state, row t that after step t. Steps t >= lengths[b]
    leave the state of batch item b as it is.

    - (recurrence_c1) x, weights, h, c, hidden_bias [H], peepholes [3 * H] and
      lengths [B] agree in T, B, H and the cell's number of gates G.
    - (recurrence_c2) one activation each for rnn, two for gru, three for lstm,
      and as many alphas and betas.

    ```mlir
    %s = nn.recurrence %x, %w lengths %n {activations = ["sigmoid", "tanh", "tanh"], alphas = array<f32: 0., 0., 0.>, betas = array<f32: 0., 0., 0.>, cell = 2 : i32} : (tensor<?x1x16xf32>, tensor<4x16xf32>, tensor<1xi32>) -> tensor<?x1x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$weights,
      Optional<AnyRankedTensor>:$h, Optional<AnyRankedTensor>:$c,
      Optional<AnyRankedTensor>:$hidden_bias,
      Optional<AnyRankedTensor>:$peepholes,
      Optional<AnyRankedTensor>:$lengths, NN_RecurrentCell:$cell,
      StrArrayAttr:$activations, DenseF32ArrayAttr:$alphas,
      DenseF32ArrayAttr:$betas, DefaultValuedAttr<BoolAttr, "false">:$reverse,
      DefaultValuedAttr<F32Attr, "0.0f">:$clip,
      DefaultValuedAttr<BoolAttr, "false">:$linear_before_reset,
      DefaultValuedAttr<BoolAttr, "false">:$input_forget);
  let assemblyFormat = [{ $x `,` $weights (`h` $h^)? (`c` $c^)?
      (`bias` $hidden_bias^)? (`peepholes` $peepholes^)? (`lengths` $lengths^)?
      attr-dict `:` functional-type(operands, results) }];
  let hasVerifier = 1;
}

//===-- Reductions and normalizations --------------------------------------===//

class NN_ReduceOp<string mnemonic, string formula> : NN_Op<mnemonic> {
  let summary = "Reduction: " # formula;
  let description = formula # [{ over `axes` (ascending, non-negative).
    Over the last axis alone: 16 partial results (lane i takes elements i,
    i + 16, ...), then the tree 8, 4, 2, 1. Over other axes: ascending, one
    chain an output element. Both together: the outer axes are first reduced in
    ascending order lane by lane, then the last axis as above.}];
  let arguments = (ins AnyRankedTensor:$x, DenseI64ArrayAttr:$axes,
      DefaultValuedAttr<BoolAttr, "true">:$keepdims);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}
def NN_ReduceSumOp : NN_ReduceOp<"reduce_sum", "sum">;
def NN_ReduceMeanOp : NN_ReduceOp<"reduce_mean", "sum / count">;
def NN_ReduceMaxOp : NN_ReduceOp<"reduce_max", "maximum">;
def NN_ReduceMinOp : NN_ReduceOp<"reduce_min", "minimum">;
def NN_ReduceProdOp : NN_ReduceOp<"reduce_prod", "product">;

class NN_CumulateOp<string mnemonic, string step> : NN_Op<mnemonic> {
  let summary = "Running " # mnemonic # " along `axis`";
  let description = "`result[i] = result[i - 1] " # step # " x[i]`, ascending; "
      "`reverse` runs from the last element to the first. `exclusive` leaves the "
      "element at the position itself out: the first result is the neutral "
      "element. Integers wrap.\n\n"
      "- (" # mnemonic # "_c1) `axis` is an axis of the operand.\n\n"
      "```mlir\n%y = nn." # mnemonic # " %x {axis = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>\n```";
  let arguments = (ins AnyRankedTensor:$x, I64Attr:$axis,
      DefaultValuedAttr<BoolAttr, "false">:$exclusive,
      DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}
def NN_CumSumOp : NN_CumulateOp<"cumsum", "+">;
def NN_CumProdOp : NN_CumulateOp<"cumprod", "*">;

def NN_SoftmaxOp : NN_Op<"softmax"> {
  let summary = "Softmax along the last axis";
  let description = [{
    `m = max(x); e = exp(x - m); result = e * (1 / sum(e))`, sums and maxima by
    16 partial results and a fixed tree.
  }];
  let arguments = (ins AnyRankedTensor:$x);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def NN_LayerNormOp : NN_Op<"layer_norm"> {
  let summary = "Layer normalization along the last axis";
  let description = [{
    `mean = sum(x) * (1/n); d = x - mean; var = sum(d * d) * (1/n);
    result = (d * (1 / sqrt(var + epsilon))) * gain + bias`, sums by 16 partial
    results and a fixed tree, multiply and add unfused.

    - (layer_norm_c1) gain and bias are vectors as long as the last axis.
  }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$gain,
      Optional<AnyRankedTensor>:$bias, F32Attr:$epsilon);
  let assemblyFormat = "$x `,` $gain (`,` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def NN_RMSNormOp : NN_Op<"rms_norm"> {
  let summary = "Root mean square normalization along the last axis";
  let description = [{
    `result = (x * (1 / sqrt(sum(x * x) * (1/n) + epsilon))) * gain`.

    - (rms_norm_c1) gain is a vector as long as the last axis.
  }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$gain, F32Attr:$epsilon);
  let assemblyFormat = "$x `,` $gain attr-dict `:` functional-type(operands, results)";
}

//===-- Positions chosen by the data ---------------------------------------===//

def NN_IotaOp : NN_Op<"iota"> {
  let summary = "The numbers 0, 1, 2, ... below a size";
  let description = [{
    ```mlir
    %y = nn.iota [%n] : () -> tensor<?xi64>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes);
  let assemblyFormat = [{ custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` `)` `->` type($result) }];
  let hasVerifier = 1;
}

def NN_SizesOp : NN_Op<"sizes"> {
  let summary = "Index values as a vector";
  let description = [{
    `result[i]` is the i-th number of the list.

    ```mlir
    %y = nn.sizes [%n, 4] : () -> tensor<2xi64>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes);
  let assemblyFormat = [{ custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` `)` `->` type($result) }];
}

def NN_NonZeroOp : NN_Op<"nonzero"> {
  let summary = "How many elements are not zero, and where";
  let description = [{
    `result[0]` is the number of nonzero elements of `x`; their row-major
    positions follow in ascending order, then zeros. The result has one element
    more than `x`: whoever knows the count takes the front.

    ```mlir
    %y = nn.nonzero %x : (tensor<3x4xf32>) -> tensor<13xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def NN_TopKOp : NN_Op<"top_k"> {
  let summary = "Positions of the first k elements of each row in sorted order";
  let description = [{
    Rows lie along the last axis. Descending with `largest`, else ascending;
    equal elements in the order of their positions; NaN counts as the largest.
    With k the length of a row this is a stable arg-sort.

    - (top_k_c1) one size, and `x` has rank 1 or more.

    ```mlir
    %y = nn.top_k %x to [5] {largest = true} : (tensor<2x9xf32>) -> tensor<2x5xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, Variadic<Index>:$sizes,
      DenseI64ArrayAttr:$static_sizes,
      DefaultValuedAttr<BoolAttr, "true">:$largest);
  let assemblyFormat = [{ $x `to` custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` type($x) `)` `->` type($result) }];
}

def NN_UniqueOp : NN_Op<"unique"> {
  let summary = "Which rows of a matrix differ from all before them";
  let description = [{
    `x` is [N, M], the result [3, N + 1]. Row 0: the number U of distinct rows,
    then for each of them the position of its first occurrence; row 1: 0, then
    for each row of `x` the number of its distinct row; row 2: U, then how often
    each distinct row occurs; zeros behind. Distinct rows are in ascending
    lexicographic order with `sorted`, else in the order of occurrence.

    - (unique_c1) `x` has rank 2.

    ```mlir
    %y = nn.unique %x {sorted = true} : (tensor<5x1xi64>) -> tensor<3x6xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x,
      DefaultValuedAttr<BoolAttr, "true">:$sorted);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def NN_NonMaxSuppressionOp : NN_Op<"non_max_suppression"> {
  let summary = "The boxes of each class that no better box overlaps";
  let description = [{
    `boxes` [B, N, 4], `scores` [B, C, N], both f32; the thresholds have one f32
    element. For each batch and class: boxes whose score exceeds
    `score_threshold`, best first, equal scores in the order of positions; one
    is kept unless its intersection over union with a kept one exceeds
    `iou_threshold`, until `size` are kept. Boxes are two opposite corners
    [y1, x1, y2, x2], or [x, y, width, height] with `center`.

    The result is [1 + B * C * min(size, N), 3]: the number of kept boxes and two
    zeros, then (batch, class, position) of each, then zeros.

    - (non_max_suppression_c1) ranks and the last axis of `boxes` are as above.
  }];
  let arguments = (ins AnyRankedTensor:$boxes, AnyRankedTensor:$scores,
      AnyRankedTensor:$iou_threshold, AnyRankedTensor:$score_threshold,
      Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes,
      DefaultValuedAttr<BoolAttr, "false">:$center);
  let assemblyFormat = [{ $boxes `,` $scores `,` $iou_threshold `,`
      $score_threshold `to` custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` type($boxes) `,` type($scores) `,` type($iou_threshold)
      `,` type($score_threshold) `)` `->` type($result) }];
}

//===-- Data movement -------------------------------------------------------===//

class NN_MoveOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat(traits, [NN_DataMovement])>;

def NN_GatherOp : NN_MoveOp<"gather"> {
  let summary = "Slices of `data` along `axis`, chosen by `indices`";
  let description = [{
    The result's shape is data's with `axis` replaced by the shape of
    `indices`; negative indices count from the end. An embedding is a gather on
    axis 0.
  }];
  let arguments = (ins AnyRankedTensor:$data, AnyRankedTensor:$indices,
      DefaultValuedAttr<I64Attr, "0">:$axis);
  let assemblyFormat = "$data `,` $indices attr-dict `:` functional-type(operands, results)";
}

def NN_ScatterMode : I32EnumAttr<"ScatterMode", "what an update does to an element",
    [I32EnumAttrCase<"replace", 0>, I32EnumAttrCase<"add", 1>,
     I32EnumAttrCase<"mul", 2>, I32EnumAttrCase<"min", 3>,
     I32EnumAttrCase<"max", 4>]> {
  let cppNamespace = "::qopt::nn";
}

def NN_ScatterOp : NN_Op<"scatter"> {
  let summary = "Rows of `data` replaced by, or combined with, those of `updates`";
  let description = [{
    `data` is [R, ..], `indices` [N] of i64, `updates` [N, ..]. Starting from
    `data`, for n = 0, 1, ..: `result[indices[n]] = mode(result[indices[n]],
    updates[n])`. Later updates of a row meet earlier ones. An index outside
    [0, R) changes nothing.

    - (scatter_c1) `indices` is a vector of i64, as long as axis 0 of `updates`.
    - (scatter_c2) `data` and `updates` agree in element type and in every axis
      but the first; their rank is 1 or more.

    ```mlir
    %y = nn.scatter %x, %at, %u {mode = 1 : i32} : (tensor<16x8xf32>, tensor<?xi64>, tensor<?x8xf32>) -> tensor<16x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$data, AnyRankedTensor:$indices,
      AnyRankedTensor:$updates,
      DefaultValuedAttr<NN_ScatterMode, "ScatterMode::replace">:$mode);
  let assemblyFormat = "$data `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def NN_ReshapeOp : NN_MoveOp<"reshape"> {
  let summary = "The same elements, row-major, under another shape";
  let description = [{
    Every size is given, static or as an index operand.

    - (reshape_c1) the number of elements is unchanged.

    ```mlir
    %y = nn.reshape %x to [%n, 4, 16] : (tensor<?x64xf32>) -> tensor<?x4x16xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, Variadic<Index>:$sizes,
      DenseI64ArrayAttr:$static_sizes);
  let assemblyFormat = [{ $x `to` custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` type($x) `)` `->` type($result) }];
  let hasVerifier = 1;
}

def NN_BroadcastToOp : NN_MoveOp<"broadcast_to"> {
  let summary = "Numpy broadcast to a given shape";
  let arguments = (ins AnyRankedTensor:$x, Variadic<Index>:$sizes,
      DenseI64ArrayAttr:$static_sizes);
  let assemblyFormat = [{ $x `to` custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` type($x) `)` `->` type($result) }];
}

def NN_TransposeOp : NN_MoveOp<"transpose"> {
  let summary = "Axes permuted: result axis i is operand axis perm[i]";
  let description = [{
    - (transpose_c1) `perm` is a permutation of the operand's axes.
  }];
  let arguments = (ins AnyRankedTensor:$x, DenseI64ArrayAttr:$perm);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def NN_ConcatOp : NN_MoveOp<"concat"> {
  let summary = "Tensors joined along `axis`";
  let description = [{
    - (concat_c1) all operands agree in rank and in every other axis.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs, I64Attr:$axis);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
}

def NN_SliceOp : NN_MoveOp<"slice", [AttrSizedOperandSegments]> {
  let summary = "A strided box of a tensor";
  let description = [{
    `result[i] = x[offset + i * stride]`, one offset, size and (static, maybe
    negative) stride per axis; offsets and sizes may be index operands.

    ```mlir
    %y = nn.slice %x [0, %o] [4, %n] {strides = array<i64: 1, 1>} : (tensor<4x?xf32>) -> tensor<4x?xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, Variadic<Index>:$offsets,
      Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_offsets,
      DenseI64ArrayAttr:$static_sizes, DenseI64ArrayAttr:$strides);
  let assemblyFormat = [{ $x custom<DynamicIndexList>($offsets, $static_offsets)
      custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` type($x) `)` `->` type($result) }];
  let hasVerifier = 1;
}

def NN_PadMode : I32EnumAttr<"PadMode", "how padding is filled",
    [I32EnumAttrCase<"constant", 0>, I32EnumAttrCase<"edge", 1>,
     I32EnumAttrCase<"reflect", 2>, I32EnumAttrCase<"wrap", 3>]> {
  let cppNamespace = "::qopt::nn";
}

def NN_PadOp : NN_MoveOp<"pad"> {
  let summary = "A tensor with `low` and `high` elements added on each axis";
  let arguments = (ins AnyRankedTensor:$x, DenseI64ArrayAttr:$low,
      DenseI64ArrayAttr:$high,
      DefaultValuedAttr<NN_PadMode, "PadMode::constant">:$mode,
      DefaultValuedAttr<F32Attr, "0.0f">:$value);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

#endif
